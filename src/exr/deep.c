/* SPDX-License-Identifier: Apache-2.0
 * Chunks of deep data: a table of how many samples each pixel has, and the samples, both as hostile as any input. Sizes are
 * measured from the heads of all chunks before there is memory, and checked against them again when a chunk is read. */
#include "exr/deep.h"

/* ---- channels ---- */

static int32_t find_channel(const smalti_exr_part *part, const char *layer, const char *name)
{
    size_t size = layer ? strlen(layer) : 0;
    for (uint32_t i = 0; i < part->channel_count; i++) {
        const char *channel = part->channels[i].name;
        if (size && (strncmp(channel, layer, size) || channel[size] != '.'))
            continue;
        if (!strcmp(channel + size + (size > 0), name))
            return (int32_t)i;
    }
    return -1;
}

static smalti__exr_deep_rule rule_of(const smalti__exr_deep *deep, uint32_t c)
{
    if ((int32_t)c == deep->alpha)
        return SMALTI__EXR_DEEP_ALPHA;
    bool mixed = (int32_t)c != deep->z && (int32_t)c != deep->back && deep->part->channels[c].sample != SMALTI_EXR_UINT;
    return mixed ? SMALTI__EXR_DEEP_OVER : SMALTI__EXR_DEEP_NEAREST;
}

void smalti__exr_deep_begin(smalti__exr_deep *deep, const smalti_exr_part *part, const uint32_t *wanted,
                            uint32_t channels, const char *layer)
{
    *deep = (smalti__exr_deep){.part = part, .unpack = smalti__exr_unpack_get(), .channels = channels};
    deep->z = find_channel(part, NULL, "Z");
    deep->back = deep->z < 0 ? -1 : find_channel(part, NULL, "ZBack");
    deep->alpha = layer ? find_channel(part, layer, "A") : -1;
    if (deep->alpha < 0)
        deep->alpha = find_channel(part, NULL, "A");
    for (uint32_t c = 0; c < channels; c++) {
        deep->wanted[c] = wanted[c];
        deep->rules[c] = rule_of(deep, wanted[c]);
    }
    for (uint32_t c = 0; c < part->channel_count; c++)
        deep->sample_bytes += smalti_exr_sample_bytes(part->channels[c].sample);
}

/* ---- sizes ---- */

/* Whether packed bytes can become so many: Deflate makes at most 1,032 of one (258 of two bits), RLE 128 of two. */
static bool can_become(const smalti_exr_part *part, uint64_t packed, uint64_t unpacked)
{
    enum { DEFLATE_MOST = 1032, RLE_MOST = 64 };
    uint64_t most;
    if (packed == unpacked)
        return true; /* stored as they are */
    if (part->compression == SMALTI_EXR_NONE)
        return false;
    return __builtin_mul_overflow(packed, part->compression == SMALTI_EXR_RLE ? RLE_MOST : DEFLATE_MOST, &most) ||
           unpacked <= most;
}

/* The head before what is stored of a chunk; false: its sizes are impossible. */
static bool read_head(const smalti__exr_deep *deep, const smalti_exr *exr, const smalti__exr_chunk *chunk,
                      const uint8_t *stored, smalti__exr_head *head)
{
    smalti__exr_head_read(exr, deep->part, stored - smalti__exr_head_bytes(exr, deep->part), head);
    return can_become(deep->part, head->counts_bytes, chunk->width * chunk->height * 4) &&
           can_become(deep->part, head->packed_bytes, head->unpacked_bytes) &&
           head->unpacked_bytes % deep->sample_bytes == 0 && head->unpacked_bytes / deep->sample_bytes < INT32_MAX;
}

void smalti__exr_deep_measure(smalti__exr_deep *deep, const smalti_exr *exr, const smalti__exr_chunk *chunk,
                              uint32_t part_index, const uint8_t *data, uint64_t size, uint64_t *unpacked)
{
    const uint8_t *stored;
    size_t stored_size;
    const char *problem;
    smalti__exr_head head;
    *unpacked = 0;
    if (smalti__exr_chunk_locate(exr, chunk, part_index, data, size, &stored, &stored_size, &problem) < 0 ||
        !read_head(deep, exr, chunk, stored, &head))
        return;
    size_t pixels = (size_t)(chunk->width * chunk->height), bytes = (size_t)head.unpacked_bytes;
    deep->pixels_most = pixels > deep->pixels_most ? pixels : deep->pixels_most;
    deep->unpacked_most = bytes > deep->unpacked_most ? bytes : deep->unpacked_most;
    *unpacked = head.unpacked_bytes;
}

/* ---- memory ---- */

/* Columns of floats that a row of samples becomes: z, back, alpha and what is wanted. */
enum { COLUMNS = 3 + SMALTI__EXR_DEEP_CHANNELS, ORDERS = 3 };

/* What of a chunk there is memory for: in the order in which it lies. */
typedef struct room {
    uint8_t *counts; /* of a chunk; behind them, scratch */
    uint8_t *samples;
    uint8_t *scratch; /* of a column, twice */
    float *columns;   /* COLUMNS of them */
    smalti__exr_deep_order order;
} room;

static size_t samples_most(const smalti__exr_deep *deep)
{
    return deep->unpacked_most / deep->sample_bytes + 1;
}

/* Parts of the memory; memory may be NULL. Gives all bytes, SIZE_MAX: too many. */
static size_t lay_out(const smalti__exr_deep *deep, room *parts)
{
    size_t samples = smalti__align(samples_most(deep) + 16, 16); /* vectors reach over the end */
    size_t sizes[5] = {0}, at[6] = {0}, columns;
    if (!smalti__mul(deep->pixels_most, 12, &sizes[0]) || !smalti__mul(samples, 2 * sizeof(float), &sizes[2]) ||
        !smalti__mul(samples, COLUMNS * sizeof(float), &columns) ||
        !smalti__mul(samples, ORDERS * sizeof(uint32_t), &sizes[4]))
        return SIZE_MAX;
    sizes[1] = deep->unpacked_most, sizes[3] = columns;
    for (int i = 0; i < 5; i++)
        if (sizes[i] > SIZE_MAX / 2 || !smalti__add(at[i], smalti__align(sizes[i] + 64, 64), &at[i + 1]))
            return SIZE_MAX;
    if (deep->memory) {
        uint32_t *indices = (uint32_t *)(deep->memory + at[4]);
        *parts = (room){.counts = deep->memory,
                        .samples = deep->memory + at[1],
                        .scratch = deep->memory + at[2],
                        .columns = (float *)(deep->memory + at[3]),
                        .order = {indices, indices + samples, indices + 2 * samples}};
    }
    return at[5];
}

size_t smalti__exr_deep_bytes(const smalti__exr_deep *deep)
{
    smalti__exr_deep none = *deep;
    none.memory = NULL;
    return lay_out(&none, NULL);
}

/* ---- a chunk ---- */

static bool undo(const smalti__exr_deep *deep, const uint8_t *packed, size_t packed_size, uint8_t *into, size_t size,
                 smalti__exr_bytes *bytes)
{
    *bytes = (smalti__exr_bytes){packed, size, false};
    if (packed_size == size) /* stored as they are, where compression gained nothing */
        return true;
    *bytes = (smalti__exr_bytes){into, size, true};
    return smalti__exr_codec_undo(deep->codec, packed, packed_size, into, size);
}

/* Samples of a row from the counts, which grow from pixel to pixel; false: they do not, or are more than are left. */
static bool check_counts(const uint8_t *counts, uint64_t width, uint64_t left, uint32_t *total)
{
    uint32_t before = 0;
    for (uint64_t x = 0; x < width; x++) {
        uint32_t count = smalti__le32(counts + 4 * x);
        if (count < before || count > left)
            return false;
        before = count;
    }
    *total = before;
    return true;
}

/* A column for each channel that is needed, and the others passed over. */
static void take_columns(const smalti__exr_deep *deep, smalti__exr_cursor *cursor, const room *parts, uint32_t total,
                         smalti__exr_deep_samples *row)
{
    const smalti_exr_part *part = deep->part;
    size_t pitch = smalti__align(samples_most(deep) + 16, 16);
    *row = (smalti__exr_deep_samples){0};
    for (uint32_t c = 0, pick = 0, column = 0; c < part->channel_count; c++) {
        size_t bytes = (size_t)total * smalti_exr_sample_bytes(part->channels[c].sample);
        bool wanted = pick < deep->channels && deep->wanted[pick] == c, z = (int32_t)c == deep->z;
        bool back = (int32_t)c == deep->back, alpha = (int32_t)c == deep->alpha;
        if (!wanted && !z && !back && !alpha) {
            smalti__exr_cursor_skip(cursor, bytes);
            continue;
        }
        float *to = parts->columns + pitch * column++;
        smalti__exr_samples_float(deep->unpack, part->channels[c].sample,
                                  smalti__exr_cursor_take(cursor, bytes, parts->scratch), to, total);
        row->z = z ? to : row->z;
        row->back = back ? to : row->back;
        row->alpha = alpha ? to : row->alpha;
        if (wanted)
            row->values[pick++] = to;
    }
    if (!row->back)
        row->back = row->z;
}

static void flatten_row(const smalti__exr_deep *deep, const smalti__exr_deep_samples *row, const uint8_t *counts,
                        uint64_t width, const room *parts, float *dst)
{
    uint32_t before = 0;
    for (uint64_t x = 0; x < width; x++) {
        uint32_t until = smalti__le32(counts + 4 * x);
        float out[SMALTI__EXR_DEEP_CHANNELS];
        smalti__exr_deep_samples pixel = *row;
        pixel.z = row->z ? row->z + before : NULL;
        pixel.back = row->back ? row->back + before : NULL;
        pixel.alpha = row->alpha ? row->alpha + before : NULL;
        for (uint32_t c = 0; c < deep->channels; c++)
            pixel.values[c] = row->values[c] + before;
        smalti__exr_deep_pixel(&pixel, until - before, deep->channels, deep->rules, &parts->order, out);
        for (uint32_t c = 0; c < deep->channels; c++)
            dst[c * width + x] = out[c];
        before = until;
    }
}

/* A chunk that has been decompressed. */
typedef struct deep_chunk {
    const uint8_t *counts; /* of each pixel, growing along a row */
    smalti__exr_bytes samples;
    uint64_t sample_count;
} deep_chunk;

/* counts and samples are rooms: for the table twice, and for the samples. */
static smalti_result unpack_chunk(const smalti__exr_deep *deep, const smalti__exr_chunk *chunk,
                                  const smalti__exr_head *head, const uint8_t *stored, uint8_t *counts,
                                  uint8_t *samples, deep_chunk *unpacked, const char **problem)
{
    smalti__exr_bytes bytes;
    smalti__exr_cursor cursor;
    size_t table = (size_t)(chunk->width * chunk->height) * 4;
    *problem = "cannot be decompressed: its bytes are damaged";
    if (!undo(deep, stored, (size_t)head->counts_bytes, counts, table, &bytes) ||
        !undo(deep, stored + head->counts_bytes, (size_t)head->packed_bytes, samples, (size_t)head->unpacked_bytes,
              &unpacked->samples))
        return SMALTI_E_FORMAT;
    smalti__exr_cursor_begin(&cursor, deep->unpack, &bytes);
    unpacked->counts = smalti__exr_cursor_take(&cursor, table, counts + table);
    unpacked->sample_count = head->unpacked_bytes / deep->sample_bytes;
    *problem = "has counts of samples that contradict its size";
    return SMALTI_OK;
}

smalti_result smalti__exr_deep_run(smalti__exr_deep *deep, const smalti_exr *exr, const smalti__exr_chunk *chunk,
                                   const uint8_t *stored, size_t stored_size, float *dst, const char **problem)
{
    smalti__exr_head head;
    smalti__exr_cursor cursor;
    deep_chunk unpacked;
    room parts;
    *problem = "has an impossible size";
    if (!read_head(deep, exr, chunk, stored, &head) || chunk->width * chunk->height > deep->pixels_most ||
        head.unpacked_bytes > deep->unpacked_most || head.counts_bytes > stored_size ||
        head.packed_bytes != stored_size - head.counts_bytes)
        return SMALTI_E_FORMAT;
    lay_out(deep, &parts);
    SMALTI__TRY(unpack_chunk(deep, chunk, &head, stored, parts.counts, parts.samples, &unpacked, problem));
    const uint8_t *counts = unpacked.counts;
    uint64_t left = unpacked.sample_count;
    smalti__exr_cursor_begin(&cursor, deep->unpack, &unpacked.samples);
    for (uint64_t y = 0; y < chunk->height; y++, counts += 4 * chunk->width) {
        smalti__exr_deep_samples row;
        uint32_t total = 0;
        if (!check_counts(counts, chunk->width, left, &total))
            return SMALTI_E_FORMAT;
        left -= total;
        take_columns(deep, &cursor, &parts, total, &row);
        flatten_row(deep, &row, counts, chunk->width, &parts, dst + y * chunk->width * deep->channels);
    }
    return left ? SMALTI_E_FORMAT : SMALTI_OK;
}

/* ---- The check ---- */

bool smalti__exr_deep_check_bytes(const smalti__exr_deep *deep, const smalti_exr *exr, const smalti__exr_chunk *chunk,
                                  const uint8_t *stored, size_t *bytes)
{
    smalti__exr_head head;
    size_t tables;
    return read_head(deep, exr, chunk, stored, &head) && smalti__mul(chunk->width * chunk->height, 12, &tables) &&
           smalti__add(tables, head.unpacked_bytes, bytes);
}

smalti_result smalti__exr_deep_check(const smalti__exr_deep *deep, const smalti_exr *exr,
                                     const smalti__exr_chunk *chunk, const uint8_t *stored, uint8_t *memory,
                                     const char **problem)
{
    smalti__exr_head head;
    deep_chunk unpacked;
    smalti__exr_head_read(exr, deep->part, stored - smalti__exr_head_bytes(exr, deep->part), &head);
    SMALTI__TRY(unpack_chunk(deep, chunk, &head, stored, memory, memory + chunk->width * chunk->height * 12, &unpacked,
                             problem));
    uint64_t left = unpacked.sample_count;
    for (uint64_t y = 0; y < chunk->height; y++) {
        uint32_t total = 0;
        if (!check_counts(unpacked.counts + 4 * y * chunk->width, chunk->width, left, &total))
            return SMALTI_E_FORMAT;
        left -= total;
    }
    return left ? SMALTI_E_FORMAT : SMALTI_OK;
}
