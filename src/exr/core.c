/* SPDX-License-Identifier: Apache-2.0
 * OpenEXRCore, for the compressions that we do not undo ourselves (PIZ, PXR24, B44, B44A), and for making PIZ. It never sees
 * a file: it gets a header of our own making that says nothing but the types of the channels, and then chunk by chunk the
 * bytes with sizes that have been checked. */
#include "exr/pixels.h"

#include <openexr.h>

struct smalti__exr_core {
    uint8_t *header; /* owned */
    size_t header_size, header_room;
    exr_context_t context;
    exr_decode_pipeline_t pipeline;
    bool initialized;
    const uint8_t *packed; /* of the chunk at work */
};

/* ---- A header ---- */

static void put(struct smalti__exr_core *core, const void *bytes, size_t size)
{
    memcpy(core->header + core->header_size, bytes, size);
    core->header_size += size;
}

static void put_u32(struct smalti__exr_core *core, uint32_t value)
{
    uint8_t bytes[4];
    smalti__put_le32(bytes, value);
    put(core, bytes, sizeof bytes);
}

static void put_attribute(struct smalti__exr_core *core, const char *name, const char *type, uint32_t size)
{
    put(core, name, strlen(name) + 1);
    put(core, type, strlen(type) + 1);
    put_u32(core, size);
}

static void put_windows(struct smalti__exr_core *core)
{
    static const char *const names[] = {"dataWindow", "displayWindow"};
    for (int i = 0; i < 2; i++) {
        put_attribute(core, names[i], "box2i", 16);
        put(core, (uint8_t[16]){0}, 16);
    }
}

/* One pixel of the part's channels, whose names do not matter. */
static bool make_header(struct smalti__exr_core *core, const smalti_exr_part *part)
{
    enum { CHANNEL = 8 + 16, REST = 512, NAME = 8 };
    const uint32_t one = 0x3f800000;
    core->header_room = (size_t)part->channel_count * CHANNEL + REST;
    core->header = calloc(1, core->header_room);
    if (!core->header)
        return false;
    put_u32(core, SMALTI__EXR_MAGIC);
    put_u32(core, 2);
    put_attribute(core, "channels", "chlist", part->channel_count * CHANNEL + 1);
    for (uint32_t i = 0; i < part->channel_count; i++) {
        const smalti_exr_channel *channel = &part->channels[i];
        char name[NAME + 1];
        snprintf(name, sizeof name, "c%06u", i % 1000000);
        put(core, name, NAME);
        put_u32(core, channel->sample);
        put_u32(core, channel->linear);
        put_u32(core, 1);
        put_u32(core, 1);
    }
    put(core, "", 1);
    put_attribute(core, "compression", "compression", 1);
    put(core, &(uint8_t){(uint8_t)part->compression}, 1);
    put_windows(core);
    put_attribute(core, "lineOrder", "lineOrder", 1);
    put(core, "", 1);
    put_attribute(core, "pixelAspectRatio", "float", 4);
    put_u32(core, one);
    put_attribute(core, "screenWindowCenter", "v2f", 8);
    put(core, (uint8_t[8]){0}, 8);
    put_attribute(core, "screenWindowWidth", "float", 4);
    put_u32(core, one);
    put(core, "", 1);
    core->header_size += 8; /* an offset table, which nobody reads */
    return true;
}

/* ---- What the library calls ---- */

static int64_t on_read(exr_const_context_t context, void *user, void *buffer, uint64_t size, uint64_t offset,
                       exr_stream_error_func_ptr_t fail)
{
    const struct smalti__exr_core *core = user;
    (void)context, (void)fail;
    if (offset >= core->header_size)
        return 0;
    size_t left = core->header_size - (size_t)offset, count = size < left ? (size_t)size : left;
    memcpy(buffer, core->header + offset, count);
    return (int64_t)count;
}

static int64_t on_size(exr_const_context_t context, void *user)
{
    (void)context;
    return (int64_t)((const struct smalti__exr_core *)user)->header_size;
}

static void on_error(exr_const_context_t context, exr_result_t code, const char *message)
{
    (void)context, (void)code, (void)message; /* nothing goes to standard error */
}

/* Instead of reading: the packed bytes are there. They are not written to: sizes differ, so there is a buffer for what
 * comes out. */
static exr_result_t on_chunk(exr_decode_pipeline_t *pipeline)
{
    const struct smalti__exr_core *core = pipeline->decoding_user_data;
    pipeline->packed_buffer = (void *)(uintptr_t)core->packed;
    pipeline->packed_alloc_size = 0; /* not its to free */
    return EXR_ERR_SUCCESS;
}

/* ---- Life ---- */

static bool open_pipeline(struct smalti__exr_core *core, uint32_t compression)
{
    exr_context_initializer_t options = EXR_DEFAULT_CONTEXT_INITIALIZER;
    options.error_handler_fn = on_error;
    options.user_data = core;
    options.read_fn = on_read;
    options.size_fn = on_size;
    if (exr_start_read(&core->context, "chunks", &options) != EXR_ERR_SUCCESS)
        return false;
    const exr_chunk_info_t chunk = {.width = 1,
                                    .height = 1,
                                    .type = EXR_STORAGE_SCANLINE,
                                    .compression = (uint8_t)compression,
                                    .packed_size = 1,
                                    .unpacked_size = 2};
    if (exr_decoding_initialize(core->context, 0, &chunk, &core->pipeline) != EXR_ERR_SUCCESS)
        return false;
    core->initialized = true;
    /* where a channel goes to does not matter: its own way of unpacking is not used */
    core->pipeline.channels[0].decode_to_ptr = core->header;
    core->pipeline.channels[0].user_pixel_stride = core->pipeline.channels[0].bytes_per_element;
    core->pipeline.channels[0].user_line_stride = core->pipeline.channels[0].bytes_per_element;
    if (exr_decoding_choose_default_routines(core->context, 0, &core->pipeline) != EXR_ERR_SUCCESS)
        return false;
    core->pipeline.read_fn = on_chunk;
    core->pipeline.unpack_and_convert_fn = NULL;
    core->pipeline.decoding_user_data = core;
    return core->pipeline.decompress_fn != NULL;
}

struct smalti__exr_core *smalti__exr_core_open(const smalti_exr_part *part)
{
    struct smalti__exr_core *core = calloc(1, sizeof *core);
    if (core && make_header(core, part) && open_pipeline(core, part->compression))
        return core;
    smalti__exr_core_close(core);
    return NULL;
}

void smalti__exr_core_close(struct smalti__exr_core *core)
{
    if (!core)
        return;
    if (core->initialized)
        exr_decoding_destroy(core->context, &core->pipeline);
    if (core->context)
        exr_finish(&core->context);
    free(core->header);
    free(core);
}

bool smalti__exr_core_run(struct smalti__exr_core *core, const smalti__exr_chunk *chunk, const uint8_t *packed,
                          size_t packed_size, uint8_t *room, size_t size)
{
    exr_decode_pipeline_t *pipeline = &core->pipeline;
    const smalti_exr_part *part = chunk->part;
    if (chunk->width > INT32_MAX || chunk->height > INT32_MAX || !size)
        return false;
    pipeline->chunk.width = (int32_t)chunk->width;
    pipeline->chunk.height = (int32_t)chunk->height;
    pipeline->chunk.start_x = (int32_t)chunk->x;
    pipeline->chunk.start_y = (int32_t)chunk->y;
    pipeline->chunk.packed_size = packed_size;
    pipeline->chunk.unpacked_size = size;
    for (uint32_t c = 0; c < part->channel_count; c++) {
        const smalti_exr_channel *from = &part->channels[c];
        exr_coding_channel_info_t *to = &pipeline->channels[c];
        to->width = (int32_t)smalti__exr_samples(chunk->x, chunk->width, from->x_sampling);
        to->height = (int32_t)smalti__exr_samples(chunk->y, chunk->height, from->y_sampling);
        to->x_samples = from->x_sampling;
        to->y_samples = from->y_sampling;
    }
    core->packed = packed;
    pipeline->unpacked_buffer = room;
    pipeline->unpacked_alloc_size = size;
    exr_result_t result = exr_decoding_run(core->context, 0, pipeline);
    pipeline->unpacked_buffer = pipeline->packed_buffer = NULL; /* not its to free */
    pipeline->unpacked_alloc_size = pipeline->packed_alloc_size = 0;
    return result == EXR_ERR_SUCCESS;
}

/* ---- Encoding ---- */

struct smalti__exr_core_encoder {
    exr_context_t context;
    exr_encode_pipeline_t pipeline;
    bool initialized;
    uint8_t *to; /* of the chunk at work: where its bytes go, if there are less than room */
    size_t room, packed_size;
};

static int64_t on_write(exr_const_context_t context, void *user, const void *buffer, uint64_t size, uint64_t offset,
                        exr_stream_error_func_ptr_t fail)
{
    (void)context, (void)user, (void)buffer, (void)offset, (void)fail;
    return (int64_t)size; /* the header that nobody reads */
}

/* Instead of writing. */
static exr_result_t on_packed(exr_encode_pipeline_t *pipeline)
{
    struct smalti__exr_core_encoder *encoder = pipeline->encoding_user_data;
    encoder->packed_size = pipeline->compressed_bytes;
    if (encoder->packed_size < encoder->room)
        memcpy(encoder->to, pipeline->compressed_buffer, encoder->packed_size);
    return EXR_ERR_SUCCESS;
}

static bool describe(struct smalti__exr_core_encoder *encoder, uint32_t width, uint32_t rows, uint32_t channels,
                     smalti_exr_sample sample)
{
    const exr_attr_box2i_t window = {.max = {.x = (int32_t)width - 1, .y = (int32_t)rows - 1}};
    const exr_attr_v2f_t center = {.x = 0, .y = 0};
    int part;
    if (exr_add_part(encoder->context, "chunks", EXR_STORAGE_SCANLINE, &part) != EXR_ERR_SUCCESS ||
        exr_initialize_required_attr(encoder->context, part, &window, &window, 1, &center, 1,
                                     EXR_LINEORDER_INCREASING_Y, EXR_COMPRESSION_PIZ) != EXR_ERR_SUCCESS)
        return false;
    for (uint32_t c = 0; c < channels; c++) {
        char name[] = "a";
        name[0] = (char)(name[0] + c);
        if (exr_add_channel(encoder->context, part, name, sample == SMALTI_EXR_HALF ? EXR_PIXEL_HALF : EXR_PIXEL_FLOAT,
                            EXR_PERCEPTUALLY_LOGARITHMIC, 1, 1) != EXR_ERR_SUCCESS)
            return false;
    }
    return exr_write_header(encoder->context) == EXR_ERR_SUCCESS;
}

static bool open_encoder(struct smalti__exr_core_encoder *encoder, uint32_t width, uint32_t rows, uint32_t channels,
                         smalti_exr_sample sample)
{
    exr_context_initializer_t options = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_chunk_info_t chunk;
    options.error_handler_fn = on_error;
    options.write_fn = on_write;
    if (exr_start_write(&encoder->context, "chunks", EXR_WRITE_FILE_DIRECTLY, &options) != EXR_ERR_SUCCESS ||
        !describe(encoder, width, rows, channels, sample) ||
        exr_write_scanline_chunk_info(encoder->context, 0, 0, &chunk) != EXR_ERR_SUCCESS ||
        exr_encoding_initialize(encoder->context, 0, &chunk, &encoder->pipeline) != EXR_ERR_SUCCESS)
        return false;
    encoder->initialized = true;
    size_t sample_bytes = smalti_exr_sample_bytes(sample);
    for (uint32_t c = 0; c < channels; c++) {
        exr_coding_channel_info_t *coding = &encoder->pipeline.channels[c];
        coding->encode_from_ptr = (const uint8_t *)&chunk; /* anything: the routines are chosen by it */
        coding->user_pixel_stride = (int32_t)sample_bytes;
        coding->user_line_stride = (int32_t)(sample_bytes * channels * width);
    }
    if (exr_encoding_choose_default_routines(encoder->context, 0, &encoder->pipeline) != EXR_ERR_SUCCESS)
        return false;
    encoder->pipeline.write_fn = on_packed;
    encoder->pipeline.encoding_user_data = encoder;
    return encoder->pipeline.compress_fn != NULL;
}

struct smalti__exr_core_encoder *smalti__exr_core_encoder_open(uint32_t width, uint32_t rows, uint32_t channels,
                                                               smalti_exr_sample sample)
{
    struct smalti__exr_core_encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder && open_encoder(encoder, width, rows, channels, sample))
        return encoder;
    smalti__exr_core_encoder_close(encoder);
    return NULL;
}

void smalti__exr_core_encoder_close(struct smalti__exr_core_encoder *encoder)
{
    if (!encoder)
        return;
    if (encoder->initialized)
        exr_encoding_destroy(encoder->context, &encoder->pipeline);
    if (encoder->context)
        exr_finish(&encoder->context);
    free(encoder);
}

size_t smalti__exr_core_encoder_bytes(size_t chunk_bytes)
{
    enum { TABLES = 4 << 20 }; /* values of 16 bits, codes */
    size_t bytes;
    /* packed, wavelets, compressed (which may be longer) */
    return smalti__mul(chunk_bytes, 4, &bytes) && smalti__add(bytes, TABLES, &bytes) ? bytes : SIZE_MAX;
}

bool smalti__exr_core_encoder_run(struct smalti__exr_core_encoder *encoder, const uint8_t *bytes, uint32_t rows,
                                  uint8_t *to, size_t *packed_size)
{
    exr_encode_pipeline_t *pipeline = &encoder->pipeline;
    size_t size = 0;
    for (int c = 0; c < pipeline->channel_count; c++) {
        exr_coding_channel_info_t *coding = &pipeline->channels[c];
        size_t row = (size_t)coding->width * (size_t)coding->bytes_per_element;
        coding->height = (int32_t)rows;
        coding->encode_from_ptr = bytes + row * (size_t)c;
        size += row * rows;
    }
    pipeline->chunk.height = (int32_t)rows;
    pipeline->chunk.unpacked_size = size;
    encoder->to = to;
    encoder->room = size;
    if (exr_encoding_run(encoder->context, 0, pipeline) != EXR_ERR_SUCCESS)
        return false;
    *packed_size = encoder->packed_size;
    return true;
}
