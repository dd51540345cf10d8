/* SPDX-License-Identifier: Apache-2.0
 * The markers of a JPEG file up to its first scan, and the metadata in them. */
#include "decode/jpeg_head.h"

#include <stdarg.h>

/* ISO/IEC 10918-1, table B.1 */
enum {
    MARKER_TEM = 0x01,
    MARKER_SOF0 = 0xc0, /* baseline */
    MARKER_SOF1 = 0xc1, /* extended sequential */
    MARKER_SOF2 = 0xc2, /* progressive */
    MARKER_DHT = 0xc4,
    MARKER_SOF9 = 0xc9, /* sequential, arithmetic */
    MARKER_SOF10 = 0xca, /* progressive, arithmetic */
    MARKER_DAC = 0xcc,
    MARKER_SOF15 = 0xcf,
    MARKER_RST0 = 0xd0,
    MARKER_RST7 = 0xd7,
    MARKER_SOI = 0xd8,
    MARKER_EOI = 0xd9,
    MARKER_SOS = 0xda,
    MARKER_APP0 = 0xe0,
    MARKER_APP1 = 0xe1,
    MARKER_APP2 = 0xe2,
    MARKER_APP14 = 0xee
};

enum {
    LARGEST_SIDE = 65500, /* what libjpeg takes */
    DEFAULT_MAX_METADATA = 16 << 20
};

typedef struct reader {
    const smalti__source *source;
    size_t at;
    smalti_error *error;
} reader;

static smalti_result truncated(const reader *in)
{
    return smalti__source_fail(in->source, in->error, SMALTI_E_FORMAT_TRUNCATED, in->source->size,
                               "the file ends before its pixels");
}

static smalti_result next_marker(reader *in, uint8_t *marker)
{
    const uint8_t *data = in->source->data;
    size_t size = in->source->size;
    for (;;) {
        /* bytes that belong to no segment are skipped here: libjpeg will complain about them */
        const uint8_t *found = in->at < size ? memchr(data + in->at, 0xff, size - in->at) : NULL;
        if (!found)
            return truncated(in);
        in->at = (size_t)(found - data);
        while (in->at < size && data[in->at] == 0xff)
            in->at++;
        if (in->at == size)
            return truncated(in);
        *marker = data[in->at++];
        if (*marker != 0)
            return SMALTI_OK;
    }
}

/* The payload of a segment; goes behind it. */
static smalti_result next_segment(reader *in, smalti__jpeg_span *span)
{
    if (in->source->size - in->at < 2)
        return truncated(in);
    size_t length = smalti__be16(in->source->data + in->at);
    if (length < 2)
        return smalti__source_fail(in->source, in->error, SMALTI_E_FORMAT, in->at, "segment of %zu bytes", length);
    if (in->source->size - in->at < length)
        return truncated(in);
    *span = (smalti__jpeg_span){in->at + 2, length - 2};
    in->at += length;
    return SMALTI_OK;
}

/* The payload behind an identifier of size bytes, or an empty one. */
static smalti__jpeg_span behind(const reader *in, smalti__jpeg_span span, const void *identifier, size_t size)
{
    if (span.size < size || memcmp(in->source->data + span.offset, identifier, size))
        return (smalti__jpeg_span){0, 0};
    return (smalti__jpeg_span){span.offset + size, span.size - size};
}

/* One of the segments of a profile (ICC.1:2010, B.4): sequence number from 1, count, data. */
static void take_icc(const reader *in, smalti__jpeg_head *head, smalti__jpeg_span span)
{
    uint32_t number = in->source->data[span.offset], count = in->source->data[span.offset + 1];
    if (!head->icc_count)
        head->icc_count = count;
    if (!number || number > count || count != head->icc_count || head->icc[number - 1].offset) {
        head->icc_broken = true;
        return;
    }
    head->icc[number - 1] = (smalti__jpeg_span){span.offset + 2, span.size - 2};
    head->icc_size += span.size - 2;
}

static void take_application(const reader *in, smalti__jpeg_head *head, uint8_t marker, smalti__jpeg_span span)
{
    smalti__jpeg_span body;
    if (marker == MARKER_APP0) {
        if (span.size >= 14 && behind(in, span, "JFIF", 5).offset)
            head->jfif = true;
    } else if (marker == MARKER_APP1) {
        body = behind(in, span, "Exif\0", 6);
        if (body.size && !head->exif.size)
            head->exif = body;
        body = behind(in, span, "http://ns.adobe.com/xap/1.0/", 29);
        if (body.size && !head->xmp.size)
            head->xmp = body;
    } else if (marker == MARKER_APP2) {
        body = behind(in, span, "ICC_PROFILE", 12);
        if (body.size >= 2)
            take_icc(in, head, body);
    } else if (marker == MARKER_APP14) {
        if (span.size >= 12 && behind(in, span, "Adobe", 5).offset) {
            head->adobe = true;
            head->adobe_transform = in->source->data[span.offset + 11];
        }
    }
}

static smalti_result take_components(const reader *in, smalti__jpeg_head *head, smalti__jpeg_span span)
{
    const uint8_t *p = in->source->data + span.offset + 6;
    for (uint32_t i = 0; i < head->components; i++, p += 3) {
        smalti__jpeg_component *component = &head->component[i];
        *component = (smalti__jpeg_component){.id = p[0], .h = p[1] >> 4, .v = p[1] & 15};
        if (component->h < 1 || component->h > 4 || component->v < 1 || component->v > 4)
            return smalti__source_fail(in->source, in->error, SMALTI_E_FORMAT, span.offset + 7 + 3 * i,
                                       "sampling factors %ux%u", component->h, component->v);
        head->max_h = component->h > head->max_h ? component->h : head->max_h;
        head->max_v = component->v > head->max_v ? component->v : head->max_v;
    }
    return SMALTI_OK;
}

static smalti_result take_frame(const reader *in, smalti__jpeg_head *head, uint8_t marker, smalti__jpeg_span span)
{
    const uint8_t *p = in->source->data + span.offset;
    uint64_t at = span.offset;
    if (head->components)
        return smalti__source_fail(in->source, in->error, SMALTI_E_FORMAT, at, "second frame header");
    if (span.size < 6 || span.size != 6 + 3 * (size_t)p[5])
        return smalti__source_fail(in->source, in->error, SMALTI_E_FORMAT, at, "frame header of %zu bytes", span.size);
    if (marker != MARKER_SOF0 && marker != MARKER_SOF1 && marker != MARKER_SOF2 && marker != MARKER_SOF9 &&
        marker != MARKER_SOF10)
        return smalti__source_fail(in->source, in->error, SMALTI_E_UNSUPPORTED, at, "JPEG process %u (%s)",
                                   marker - MARKER_SOF0, (marker & 3) == 3 ? "lossless" : "hierarchical");
    if (p[0] != 8)
        return smalti__source_fail(in->source, in->error, SMALTI_E_UNSUPPORTED, at, "JPEG of %u bits per sample", p[0]);
    head->height = smalti__be16(p + 1);
    head->width = smalti__be16(p + 3);
    if (!head->width)
        return smalti__source_fail(in->source, in->error, SMALTI_E_FORMAT, at + 3, "width of 0");
    if (!head->height)
        return smalti__source_fail(in->source, in->error, SMALTI_E_UNSUPPORTED, at + 1,
                                   "height of 0 (defined behind the pixels)");
    if (head->width > LARGEST_SIDE || head->height > LARGEST_SIDE)
        return smalti__source_fail(in->source, in->error, SMALTI_E_UNSUPPORTED, at + 1, "%ux%u pixels, more than %d",
                                   head->width, head->height, LARGEST_SIDE);
    if (p[5] != 1 && p[5] != 3 && p[5] != 4)
        return smalti__source_fail(in->source, in->error, SMALTI_E_UNSUPPORTED, at + 5, "JPEG of %u components", p[5]);
    head->components = p[5];
    head->progressive = marker == MARKER_SOF2 || marker == MARKER_SOF10;
    head->arithmetic = marker == MARKER_SOF9 || marker == MARKER_SOF10;
    return take_components(in, head, span);
}

static smalti_result take_scan(const reader *in, smalti__jpeg_head *head, smalti__jpeg_span span)
{
    uint32_t count = span.size ? in->source->data[span.offset] : 0;
    if (!head->components)
        return smalti__source_fail(in->source, in->error, SMALTI_E_FORMAT, span.offset, "scan without a frame header");
    if (!count || count > head->components || span.size != 4 + 2 * (size_t)count)
        return smalti__source_fail(in->source, in->error, SMALTI_E_FORMAT, span.offset, "malformed scan header");
    head->multiple_scans = head->progressive || count < head->components;
    return SMALTI_OK;
}

/* The rules of libjpeg's default_decompress_parms: JFIF, else Adobe's marker, else the components' names. */
static smalti__jpeg_color color_of(const smalti__jpeg_head *head)
{
    if (head->components == 1)
        return SMALTI__JPEG_GRAY;
    if (head->components == 4)
        return head->adobe && head->adobe_transform != 0 ? SMALTI__JPEG_YCCK : SMALTI__JPEG_CMYK;
    if (head->jfif)
        return SMALTI__JPEG_YCBCR;
    if (head->adobe)
        return head->adobe_transform == 0 ? SMALTI__JPEG_RGB : SMALTI__JPEG_YCBCR;
    const smalti__jpeg_component *c = head->component;
    return c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B' ? SMALTI__JPEG_RGB : SMALTI__JPEG_YCBCR;
}

static void check_icc(smalti__jpeg_head *head)
{
    for (uint32_t i = 0; i < head->icc_count; i++)
        if (!head->icc[i].offset)
            head->icc_broken = true;
    if (head->icc_broken)
        head->icc_count = 0, head->icc_size = 0;
}

static smalti_result take_segment(const reader *in, smalti__jpeg_head *head, uint8_t marker, smalti__jpeg_span span)
{
    if (marker == MARKER_SOS)
        return take_scan(in, head, span);
    /* the codes from SOF0 to SOF15 but for three are frames; 0xc8 is reserved */
    if (marker >= MARKER_SOF0 && marker <= MARKER_SOF15 && marker != MARKER_DHT && marker != MARKER_DAC)
        return take_frame(in, head, marker, span);
    take_application(in, head, marker, span);
    return SMALTI_OK;
}

smalti_result smalti__jpeg_head_parse(const smalti__source *source, smalti__jpeg_head *head, smalti_error *error)
{
    *head = (smalti__jpeg_head){.max_h = 1, .max_v = 1};
    reader in = {.source = source, .at = 2, .error = error};
    if (source->size < 2)
        return truncated(&in);
    if (source->data[0] != 0xff || source->data[1] != MARKER_SOI)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, 0, "not a JPEG file");
    uint8_t marker = 0;
    while (marker != MARKER_SOS) {
        SMALTI__TRY(next_marker(&in, &marker));
        if (marker == MARKER_TEM || (marker >= MARKER_RST0 && marker <= MARKER_RST7))
            continue;
        if (marker == MARKER_SOI || marker == MARKER_EOI)
            return smalti__source_fail(source, error, SMALTI_E_FORMAT, in.at - 1, "%s before the pixels",
                                       marker == MARKER_SOI ? "second start marker" : "end marker");
        if (marker == MARKER_SOS)
            head->scan_offset = in.at - 2;
        smalti__jpeg_span span = {0};
        SMALTI__TRY(next_segment(&in, &span));
        SMALTI__TRY(take_segment(&in, head, marker, span));
    }
    head->color = color_of(head);
    check_icc(head);
    return SMALTI_OK;
}

const char *smalti__jpeg_head_subsampling(const smalti__jpeg_head *head)
{
    static const struct {
        uint8_t h, v;
        const char *name;
    } known[] = {{1, 1, "4:4:4"}, {2, 1, "4:2:2"}, {2, 2, "4:2:0"}, {1, 2, "4:4:0"}, {4, 1, "4:1:1"}};

    const smalti__jpeg_component *c = head->component;
    if (head->components == 1)
        return "";
    bool alike =
        c[1].h == c[2].h && c[1].v == c[2].v && (head->components == 3 || (c[3].h == c[0].h && c[3].v == c[0].v));
    for (size_t i = 0; alike && i < SMALTI__COUNT(known); i++)
        if (c[0].h == known[i].h * c[1].h && c[0].v == known[i].v * c[1].v)
            return known[i].name;
    return "other";
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* Blocks of a component across or down, without those that only fill up the last MCU. */
static uint64_t blocks(uint32_t samples, uint32_t factor, uint32_t max_factor)
{
    return divide_up((uint64_t)samples * factor, 8 * (uint64_t)max_factor);
}

/* libjpeg-turbo's jdmaster.c: rather than to reduce a subsampled component and then scale it up again, it is reduced less. */
uint32_t smalti__jpeg_head_block(const smalti__jpeg_head *head, uint32_t component, uint32_t divisor)
{
    const smalti__jpeg_component *c = &head->component[component];
    uint32_t least = 8 / divisor, size = least;
    while (size < 8 && head->max_h * least % (c->h * size * 2) == 0 && head->max_v * least % (c->v * size * 2) == 0)
        size *= 2;
    return size;
}

/* From libjpeg-turbo's jdmainct.c (rows of a component: a row of blocks and up to two groups more), jdsample.c (max_v rows
 * of full width), jdcoefct.c (whole arrays of blocks of 64 two-byte coefficients) and jmemmgr.c (rows aligned to 64). */
uint64_t smalti__jpeg_head_work_bytes(const smalti__jpeg_head *head, uint32_t divisor)
{
    enum { TABLES = 128 * 1024, ROW_EXTRA = 64 + 2 * sizeof(void *), BLOCK_BYTES = 128 };
    uint64_t total = TABLES, width = divide_up(head->width, divisor);
    for (uint32_t i = 0; i < head->components; i++) {
        uint32_t h = head->component[i].h, v = head->component[i].v, size = smalti__jpeg_head_block(head, i, divisor);
        uint64_t across = blocks(head->width, h, head->max_h), down = blocks(head->height, v, head->max_v);
        uint64_t full = divide_up(width, head->max_h) * head->max_h, rows = v * (size + 2 * (size * divisor / 8));
        total += (across * size + ROW_EXTRA) * rows + (full + ROW_EXTRA) * head->max_v;
        if (head->multiple_scans) {
            uint64_t padded = divide_up(down, v) * v;
            total += padded * (divide_up(across, h) * h * BLOCK_BYTES + ROW_EXTRA);
        }
    }
    return total;
}

uint64_t smalti__jpeg_head_least_bytes(const smalti__jpeg_head *head)
{
    if (head->arithmetic)
        return 0;
    /* a Huffman code has at least one bit: a block of a DC scan takes one, one of a sequential scan two (DC, AC) */
    const smalti__jpeg_component *c = head->component;
    uint64_t count = blocks(head->width, c->h, head->max_h) * blocks(head->height, c->v, head->max_v);
    return count * (head->progressive ? 1 : 2) / 8;
}

void smalti__jpeg_head_info(const smalti__jpeg_head *head, const smalti__source *source, smalti_info *info)
{
    static const char *const colors[] = {"gray", "ycbcr", "rgb", "cmyk", "ycck"}; /* by smalti__jpeg_color */

    *info = (smalti_info){.format = "jpeg", .sample = SMALTI_SAMPLE_U8, .bit_depth = 8};
    info->width = head->width;
    info->height = head->height;
    info->channels = head->components == 1 ? 1 : 3;
    info->interlaced = head->progressive;
    info->file_bytes = source->size;
    info->decoded_bytes = (uint64_t)info->width * info->height * info->channels;
    info->icc_bytes = head->icc_size;
    info->exif_bytes = head->exif.size;
    info->xmp_bytes = head->xmp.size;
    snprintf(info->color, sizeof info->color, "%s", colors[head->color]);
    snprintf(info->subsampling, sizeof info->subsampling, "%s", smalti__jpeg_head_subsampling(head));
    info->orientation = smalti__exif_orientation(source->data + head->exif.offset, head->exif.size, NULL);
}

void smalti__jpeg_warn(const smalti__decode_options *options, const char *format, ...)
{
    if (!options->warn)
        return;
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    options->warn(options->user, message);
}

/* Joins the segments of a block; one that is larger than allowed is dropped. */
static smalti_result join(const smalti__source *source, const smalti__decode_options *options, const char *name,
                          const smalti__jpeg_span *spans, uint32_t count, smalti__blob *blob, smalti_error *error)
{
    size_t size = 0, most = options->max_metadata ? options->max_metadata : DEFAULT_MAX_METADATA;
    for (uint32_t i = 0; i < count; i++)
        size += spans[i].size; /* at most 255 segments of 64 KiB */
    if (!size)
        return SMALTI_OK;
    if (size > most) {
        smalti__jpeg_warn(options, "%s of %zu bytes dropped, more than %zu", name, size, most);
        return SMALTI_OK;
    }
    uint8_t *data = malloc(size);
    if (!data)
        return smalti__fail_nomem(error, size);
    *blob = (smalti__blob){data, size};
    for (uint32_t i = 0; i < count; data += spans[i].size, i++)
        memcpy(data, source->data + spans[i].offset, spans[i].size);
    return SMALTI_OK;
}

smalti_result smalti__jpeg_head_metadata(const smalti__jpeg_head *head, const smalti__source *source,
                                         const smalti__decode_options *options, smalti__metadata *metadata,
                                         smalti_error *error)
{
    enum { ICC_SPACE = 16 }; /* offset of the name of the data's colour space: ICC.1:2010, 7.2.6 */
    if (head->icc_broken)
        smalti__jpeg_warn(options, "ICC profile dropped: its segments do not fit together");
    SMALTI__TRY(join(source, options, "ICC profile", head->icc, head->icc_count, &metadata->icc, error));
    smalti__blob *icc = &metadata->icc;
    if (head->components == 4 && icc->data && (icc->size < ICC_SPACE + 4 || memcmp(icc->data + ICC_SPACE, "RGB ", 4))) {
        smalti__jpeg_warn(options, "ICC profile of CMYK dropped: the pixels are converted to RGB");
        free(icc->data);
        *icc = (smalti__blob){0};
    }
    if (!options->metadata)
        return SMALTI_OK;
    SMALTI__TRY(join(source, options, "EXIF", &head->exif, 1, &metadata->exif, error));
    return join(source, options, "XMP", &head->xmp, 1, &metadata->xmp, error);
}
