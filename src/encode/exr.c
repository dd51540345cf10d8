/* SPDX-License-Identifier: Apache-2.0
 * The EXR encoder: rows of channels are gathered into chunks of scan lines, compressed and written one by one; the offset
 * table in front of them is filled in at the end. Specification: "OpenEXR File Layout". */
#include "encode/encode.h"

#include <libdeflate.h>

#include "exr/exr.h"
#include "exr/pixels.h"
#include "exr/unpack.h"

enum {
    ZIP_LEVEL = 4,            /* what the reference library asks of zlib */
    ZIP_STATE = 1 << 20,      /* of libdeflate's compressor at that level, rounded up */
    HEAD_BYTES = 1024,        /* of the header without kept attributes */
    CHUNK_HEAD = 8
};

typedef struct exr_encoder {
    smalti__encoder base; /* first */
    const smalti__exr_unpack *pack;
    struct libdeflate_compressor *deflate; /* ZIP, ZIPS */
    struct smalti__exr_core_encoder *core; /* PIZ */
    uint32_t sample_bytes; /* 2: half, 4: float */
    uint32_t chunk_rows;
    size_t row_bytes;      /* of a chunk */
    size_t packed_room;
    uint8_t *chunk;  /* rows of channels */
    uint8_t *split;  /* the same in the form that is compressed: ZIP, ZIPS, RLE */
    uint8_t *packed; /* a chunk's head, and its bytes compressed */
    float *plane;    /* a channel's row */
    uint8_t *table;  /* offsets, as in the file */
    uint32_t rows;   /* in chunk */
    uint32_t chunk_count, chunk_index;
    uint64_t table_offset;
} exr_encoder;

static uint8_t compression_id(const smalti__encode_params *params)
{
    static const uint8_t ids[] = {SMALTI_EXR_ZIP, SMALTI_EXR_ZIPS, SMALTI_EXR_NONE, SMALTI_EXR_PIZ, SMALTI_EXR_RLE};
    return ids[params->exr_compression];
}

static uint32_t rows_of_chunk(const smalti__encode_params *params)
{
    return smalti__exr_rows_per_chunk(compression_id(params));
}

static size_t sample_size(const smalti__encode_params *params)
{
    return params->exr_half ? 2 : 4;
}

static bool is_deflated(const smalti__encode_params *params)
{
    return params->exr_compression == SMALTI__EXR_ZIP || params->exr_compression == SMALTI__EXR_ZIPS;
}

static size_t packed_bound(const smalti__encode_params *params, size_t bytes)
{
    return CHUNK_HEAD + (is_deflated(params) ? libdeflate_zlib_compress_bound(NULL, bytes) : bytes);
}

/* Of what compresses. */
static size_t state_bytes(const smalti__encode_params *params, size_t chunk)
{
    return params->exr_compression == SMALTI__EXR_PIZ ? smalti__exr_core_encoder_bytes(chunk) : ZIP_STATE;
}

static size_t kept_bytes(const smalti__encode_params *params)
{
    return params->metadata ? params->metadata->exr.size : 0;
}

static size_t work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                         const smalti__encode_params *params)
{
    size_t row = (size_t)width * channels * 4, rows = rows_of_chunk(params), chunk = row * rows; /* below 2^39 */
    (void)sample;
    return sizeof(exr_encoder) + HEAD_BYTES + kept_bytes(params) + 2 * chunk + packed_bound(params, chunk) +
           (size_t)width * sizeof(float) + ((height - 1) / rows + 1) * 8 + state_bytes(params, chunk) +
           8 * (size_t)SMALTI__POOL_SLACK;
}

static void close_encoder(smalti__encoder *encoder)
{
    exr_encoder *self = (exr_encoder *)encoder;
    smalti__pool *pool = encoder->params.pool;
    libdeflate_free_compressor(self->deflate);
    smalti__exr_core_encoder_close(self->core);
    smalti__pool_put(pool, self->table);
    smalti__pool_put(pool, self->plane);
    smalti__pool_put(pool, self->packed);
    smalti__pool_put(pool, self->split);
    smalti__pool_put(pool, self->chunk);
    free(self);
}

/* ---- the header ---- */

typedef struct text {
    uint8_t *data;
    size_t size;
} text;

static void put(text *to, const void *bytes, size_t size)
{
    memcpy(to->data + to->size, bytes, size);
    to->size += size;
}

static void put_u32(text *to, uint32_t value)
{
    uint8_t bytes[4];
    smalti__put_le32(bytes, value);
    put(to, bytes, sizeof bytes);
}

static void put_attribute(text *to, const char *name, const char *type, const void *value, uint32_t size)
{
    put(to, name, strlen(name) + 1);
    put(to, type, strlen(type) + 1);
    put_u32(to, size);
    put(to, value, size);
}

/* In the order of their names, which is that of the file. */
static const char *const *channel_names(uint32_t channels)
{
    static const char *const names[][4] = {{"Y"}, {"A", "Y"}, {"B", "G", "R"}, {"A", "B", "G", "R"}};
    return names[channels - 1];
}

static void put_channels(text *to, const exr_encoder *self)
{
    uint8_t list[4 * 18 + 1];
    text value = {list, 0};
    for (uint32_t c = 0; c < self->base.channels; c++) {
        put(&value, channel_names(self->base.channels)[c], 2);
        put_u32(&value, self->sample_bytes == 2 ? SMALTI_EXR_HALF : SMALTI_EXR_FLOAT);
        put_u32(&value, 0);
        put_u32(&value, 1);
        put_u32(&value, 1);
    }
    put(&value, "", 1);
    put_attribute(to, "channels", "chlist", list, (uint32_t)value.size);
}

static void put_primaries(text *to, const smalti__primaries *primaries)
{
    uint8_t value[32];
    for (int i = 0; i < 8; i++) {
        uint32_t bits;
        memcpy(&bits, &primaries->xy[i / 2][i % 2], sizeof bits);
        smalti__put_le32(value + 4 * i, bits);
    }
    put_attribute(to, "chromaticities", "chromaticities", value, sizeof value);
}

/* Attributes of the input; where colours have other primaries now, without what it said of them. */
static void put_kept(text *to, const smalti__metadata *metadata)
{
    const uint8_t *at = metadata->exr.data, *end = at + metadata->exr.size;
    while (at < end) { /* they were read from a header, and are whole */
        const char *name = (const char *)at, *type = name + strlen(name) + 1;
        const uint8_t *size = (const uint8_t *)type + strlen(type) + 1, *next = size + 4 + smalti__le32(size);
        if (!metadata->exr_primaries || strcmp(name, "chromaticities"))
            put(to, at, (size_t)(next - at));
        at = next;
    }
}

static smalti_result put_header(exr_encoder *self, smalti_error *error)
{
    const smalti__metadata *metadata = self->base.params.metadata;
    uint8_t compression = compression_id(&self->base.params), window[16] = {0}, one[4], zero[8] = {0};
    SMALTI__CLEANUP_FREE uint8_t *room = malloc(HEAD_BYTES + kept_bytes(&self->base.params));
    text head = {room, 0};
    if (!room)
        return smalti__fail_nomem(error, HEAD_BYTES);
    smalti__put_le32(window + 8, self->base.width - 1);
    smalti__put_le32(window + 12, self->base.height - 1);
    smalti__put_le32(one, 0x3f800000);
    put_u32(&head, SMALTI__EXR_MAGIC);
    put_u32(&head, 2 | (metadata && metadata->exr_long_names ? SMALTI_EXR_FLAG_LONG_NAMES : 0));
    put_channels(&head, self);
    put_attribute(&head, "compression", "compression", &compression, 1);
    put_attribute(&head, "dataWindow", "box2i", window, sizeof window);
    put_attribute(&head, "displayWindow", "box2i", window, sizeof window);
    put_attribute(&head, "lineOrder", "lineOrder", zero, 1);
    if (!metadata || !metadata->exr.size) { /* kept ones have these among them */
        put_attribute(&head, "pixelAspectRatio", "float", one, sizeof one);
        put_attribute(&head, "screenWindowCenter", "v2f", zero, sizeof zero);
        put_attribute(&head, "screenWindowWidth", "float", one, sizeof one);
    } else {
        put_kept(&head, metadata);
    }
    if (metadata && metadata->exr_primaries)
        put_primaries(&head, metadata->exr_primaries);
    put(&head, "", 1);
    SMALTI__TRY(smalti__sink_write(self->base.sink, head.data, head.size, error));
    self->table_offset = self->base.sink->bytes;
    return smalti__sink_write(self->base.sink, self->table, (size_t)self->chunk_count * 8, error);
}

/* ---- life ---- */

static bool get(exr_encoder *self, void *pointer, size_t bytes)
{
    void *memory = smalti__pool_get(self->base.params.pool, bytes);
    memcpy(pointer, &memory, sizeof memory);
    return memory != NULL;
}

static smalti_result set_up(exr_encoder *self, smalti_error *error)
{
    const smalti__encoder *base = &self->base;
    const smalti__encode_params *params = &base->params;
    self->pack = smalti__exr_unpack_get();
    self->sample_bytes = (uint32_t)sample_size(params);
    self->chunk_rows = rows_of_chunk(params);
    self->row_bytes = (size_t)base->width * base->channels * self->sample_bytes;
    self->chunk_count = (base->height - 1) / self->chunk_rows + 1;
    size_t chunk = self->row_bytes * self->chunk_rows;
    self->packed_room = packed_bound(params, chunk);
    if (chunk > INT32_MAX)
        return smalti__fail(error, SMALTI_E_LIMIT, "rows of %u pixels are too long for EXR", base->width);
    bool had = get(self, &self->chunk, chunk) && get(self, &self->packed, self->packed_room) &&
               get(self, &self->plane, (size_t)base->width * sizeof(float)) &&
               get(self, &self->table, (size_t)self->chunk_count * 8);
    if (is_deflated(params) || params->exr_compression == SMALTI__EXR_RLE)
        had = had && get(self, &self->split, chunk);
    if (is_deflated(params))
        had = had && (self->deflate = libdeflate_alloc_compressor(ZIP_LEVEL));
    if (params->exr_compression == SMALTI__EXR_PIZ)
        had = had && (self->core =
                          smalti__exr_core_encoder_open(base->width, self->chunk_rows, base->channels,
                                                        self->sample_bytes == 2 ? SMALTI_EXR_HALF : SMALTI_EXR_FLOAT));
    if (!had)
        return smalti__fail_nomem(error, work_bytes(base->width, base->height, base->channels, base->sample, params));
    memset(self->table, 0, (size_t)self->chunk_count * 8);
    SMALTI__TRY(smalti__sink_rewritable(base->sink, error));
    return put_header(self, error);
}

static smalti_result open_encoder(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error)
{
    if (seed->params.exr_compression > SMALTI__EXR_RLE)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "no EXR compression has the number %u",
                            seed->params.exr_compression);
    if (!seed->width || !seed->height || seed->width > INT32_MAX / 2 || seed->height > INT32_MAX / 2 ||
        seed->channels < 1 || seed->channels > 4 || seed->sample != SMALTI_SAMPLE_F32)
        return smalti__fail(error, SMALTI_E_INVALID, "EXR does not hold such an image");
    exr_encoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = *seed;
    smalti_result result = set_up(self, error);
    if (result < 0)
        close_encoder(&self->base);
    else
        *encoder = &self->base;
    return result;
}

/* ---- chunks ---- */

/* The form of ZIP (exr/unpack.h). */
static void split(const uint8_t *restrict bytes, uint8_t *restrict out, size_t size)
{
    size_t half = size / 2;
    uint8_t even = 0, odd = bytes[size - 2];
    for (size_t i = 0; i < half; i++) {
        out[i] = (uint8_t)(bytes[2 * i] - even + 128);
        even = bytes[2 * i];
    }
    out[0] = bytes[0];
    for (size_t i = 0; i < half; i++) {
        out[half + i] = (uint8_t)(bytes[2 * i + 1] - odd + 128);
        odd = bytes[2 * i + 1];
    }
}

/* Three equal bytes and more are a run, which smalti__exr_rle_undo describes. 0: size bytes do not become less. */
static size_t make_runs(const uint8_t *bytes, uint8_t *out, size_t size)
{
    enum { MOST_RUN = 128, MOST_PLAIN = 127 };
    size_t made = 0;
    for (size_t i = 0; i < size;) {
        size_t run = 1, plain = 0;
        while (run < MOST_RUN && i + run < size && bytes[i + run] == bytes[i])
            run++;
        if (run < 3)
            do
                plain++;
            while (plain < MOST_PLAIN && i + plain < size &&
                   (i + plain + 2 >= size || bytes[i + plain] != bytes[i + plain + 1] ||
                    bytes[i + plain] != bytes[i + plain + 2]));
        size_t count = plain ? plain : 1;
        if (made + 1 + count >= size)
            return 0;
        out[made++] = (uint8_t)(plain ? 256 - plain : run - 1);
        memcpy(out + made, bytes + i, count);
        made += count;
        i += plain ? plain : run;
    }
    return made;
}

/* The chunk compressed, behind room for its head; 0 when that gains nothing. */
static smalti_result compress(exr_encoder *self, size_t size, size_t *packed, smalti_error *error)
{
    uint8_t *to = self->packed + CHUNK_HEAD;
    *packed = 0;
    if (self->core && !smalti__exr_core_encoder_run(self->core, self->chunk, self->rows, to, packed))
        return smalti__fail_nomem(error, smalti__exr_core_encoder_bytes(size));
    if (self->split) {
        split(self->chunk, self->split, size);
        *packed = self->deflate
                      ? libdeflate_zlib_compress(self->deflate, self->split, size, to, self->packed_room - CHUNK_HEAD)
                      : make_runs(self->split, to, size);
    }
    return SMALTI_OK;
}

static smalti_result put_chunk(exr_encoder *self, smalti_error *error)
{
    size_t size = self->row_bytes * self->rows, packed;
    smalti__sink *sink = self->base.sink;
    SMALTI__TRY(compress(self, size, &packed, error));
    if (!packed || packed >= size) { /* stored as it is, where that is not larger */
        memcpy(self->packed + CHUNK_HEAD, self->chunk, size);
        packed = size;
    }
    smalti__put_le64(self->table + 8 * (size_t)self->chunk_index, sink->bytes);
    smalti__put_le32(self->packed, self->chunk_index * self->chunk_rows);
    smalti__put_le32(self->packed + 4, (uint32_t)packed);
    self->chunk_index++;
    self->rows = 0;
    return smalti__sink_write(sink, self->packed, CHUNK_HEAD + packed, error);
}

/* Channels in the order of their names: alpha, then blue, green, red, or gray. */
static void gather_row(exr_encoder *self, const float *row, uint8_t *to)
{
    uint32_t channels = self->base.channels, width = self->base.width;
    for (uint32_t c = 0; c < channels; c++) {
        const float *from = row + (channels - 1 - c);
        for (uint32_t x = 0; x < width; x++)
            self->plane[x] = from[(size_t)x * channels];
        uint8_t *at = to + (size_t)c * width * self->sample_bytes;
        if (self->sample_bytes == 2) {
            self->pack->to_half(at, self->plane, width);
        } else {
            for (uint32_t x = 0; x < width; x++) {
                uint32_t bits;
                memcpy(&bits, self->plane + x, sizeof bits);
                smalti__put_le32(at + 4 * (size_t)x, bits);
            }
        }
    }
}

static smalti_result write_rows(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    exr_encoder *self = (exr_encoder *)encoder;
    if (count > encoder->height - encoder->row)
        return smalti__fail(error, SMALTI_E_INVALID, "EXR encoder: more rows than the height of %u", encoder->height);
    for (uint32_t y = 0; y < count; y++) {
        gather_row(self, (const float *)(const void *)((const uint8_t *)rows + y * pitch),
                   self->chunk + self->rows * self->row_bytes);
        self->rows++;
        encoder->row++;
        if (self->rows == self->chunk_rows || encoder->row == encoder->height) {
            SMALTI__TRY(smalti__stop_check(encoder->params.stop, error));
            SMALTI__TRY(put_chunk(self, error));
        }
    }
    return SMALTI_OK;
}

static smalti_result finish(smalti__encoder *encoder, smalti_error *error)
{
    exr_encoder *self = (exr_encoder *)encoder;
    if (encoder->row != encoder->height)
        return smalti__fail(error, SMALTI_E_INVALID, "EXR encoder: %u of %u rows were written", encoder->row,
                            encoder->height);
    return smalti__sink_patch(encoder->sink, self->table_offset, self->table, (size_t)self->chunk_count * 8, error);
}

static const char *const extensions[] = {"exr", NULL};

const smalti__encoder_format smalti__encoder_exr = {.name = "exr",
                                                    .extensions = extensions,
                                                    .samples = 1u << SMALTI_SAMPLE_F32,
                                                    .channels = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4,
                                                    .max_width = INT32_MAX / 2,
                                                    .max_height = INT32_MAX / 2,
                                                    .linear = true,
                                                    .work_bytes = work_bytes,
                                                    .open = open_encoder,
                                                    .write = write_rows,
                                                    .finish = finish,
                                                    .close = close_encoder};
