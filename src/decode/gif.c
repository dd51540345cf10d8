/* SPDX-License-Identifier: Apache-2.0
 * GIF: the first image by rows, or all frames composed on a canvas. Where nothing is drawn, it is transparent, as in every
 * browser: the background colour of the file is not looked at. */
#include "decode/canvas.h"
#include "decode/gif.h"

enum { STOP_ROWS = 256 };

/* The part of a frame that lies on the canvas. */
typedef smalti__rectangle rectangle;

typedef struct gif_decoder {
    smalti__decoder base; /* first */
    smalti__gif_head head;
    bool composed;
    bool broken; /* lenient: no more frames or rows to be had */
    smalti__gif_frame frame; /* being delivered */
    rectangle where;
    uint8_t palette[256][4]; /* of frame: RGBA */
    uint8_t *line;    /* indices of one row of the widest frame; pool */
    uint8_t *indices; /* of where, when the first image is interlaced; pool */
    uint8_t *saved;   /* what a frame hides that is to be taken away again; pool */
    smalti__gif_lzw *lzw; /* pool */
    smalti__canvas canvas;
} gif_decoder;

/* ---- the rows of a frame ---- */

static uint32_t clip(uint32_t start, uint32_t size, uint32_t most)
{
    return start >= most ? 0 : size < most - start ? size : most - start;
}

/* Makes a frame the current one. */
static smalti_result begin_frame(gif_decoder *self, const smalti__gif_frame *frame, smalti_error *error)
{
    const smalti__source *source = self->base.source;
    self->frame = *frame;
    self->where = (rectangle){frame->x, frame->y, clip(frame->x, frame->width, self->head.width),
                              clip(frame->y, frame->height, self->head.height)};
    if (!self->where.width || !self->where.height)
        self->where = (rectangle){0};
    self->base.frame_ms = frame->duration_ms;
    for (uint32_t i = 0; i < 256; i++) {
        const uint8_t *color = source->data + frame->palette_offset + i * 3;
        bool known = i < frame->colors;
        for (uint32_t k = 0; k < 3; k++)
            self->palette[i][k] = known ? color[k] : 0;
        self->palette[i][3] = 255;
    }
    if (frame->transparent >= 0)
        memset(self->palette[frame->transparent], 0, 4);
    if (!smalti__gif_lzw_begin(self->lzw, source, frame->data_offset))
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, frame->data_offset, "a bad LZW code size");
    return SMALTI_OK;
}

/* The next row of the frame in the file's order into line. */
static smalti_result next_line(gif_decoder *self, uint32_t done, smalti_error *error)
{
    const smalti__source *source = self->base.source;
    uint32_t width = self->frame.width;
    if (done % STOP_ROWS == 0) {
        SMALTI__TRY(smalti__stop_check(self->base.options.stop, error));
        smalti__source_consumed(self->base.source, self->lzw->at);
    }
    if (smalti__gif_lzw_read(self->lzw, self->line, width) == width)
        return SMALTI_OK;
    switch (self->lzw->state) {
    case SMALTI__GIF_BAD:
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, self->lzw->at, "a bad LZW code after %u of %u rows",
                                   done, self->frame.height);
    case SMALTI__GIF_CUT:
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                   "%u of %u rows, then the file ends", done, self->frame.height);
    default:
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, self->lzw->at, "an image ends after %u of %u rows",
                                   done, self->frame.height);
    }
}

/* Rows of an image in the file's order: interlaced every eighth from 0, every eighth from 4, every fourth from 2, every second
 * from 1 (appendix E). False behind the last. */
static bool next_row(uint32_t *row, uint32_t *pass, uint32_t height, bool interlaced)
{
    static const uint32_t starts[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
    *row += interlaced ? steps[*pass] : 1;
    while (*row >= height) {
        if (!interlaced || ++*pass == SMALTI__COUNT(starts))
            return false;
        *row = starts[*pass];
    }
    return true;
}

/* Decodes all rows; what lies on the canvas is given to put. */
static smalti_result each_row(gif_decoder *self, void (*put)(gif_decoder *, uint32_t row), smalti_error *error)
{
    uint32_t row = 0, pass = 0, done = 0;
    if (!self->where.width)
        return SMALTI_OK;
    do {
        if (!self->frame.interlaced && row >= self->where.height) /* the rest is not to be seen */
            break;
        SMALTI__TRY(next_line(self, done++, error));
        if (row < self->where.height)
            put(self, row);
    } while (next_row(&row, &pass, self->frame.height, self->frame.interlaced));
    return SMALTI_OK;
}

static void put_indices(gif_decoder *self, uint32_t row)
{
    memcpy(self->indices + (size_t)row * self->where.width, self->line, self->where.width);
}

static void put_canvas(gif_decoder *self, uint32_t row)
{
    uint8_t *to = smalti__canvas_at(&self->canvas, self->where.x, self->where.y + row);
    int32_t transparent = self->frame.transparent;
    for (uint32_t x = 0; x < self->where.width; x++, to += 4)
        if (self->line[x] != transparent)
            memcpy(to, self->palette[self->line[x]], 4);
}

/* ---- composed frames ---- */

static size_t saved_bytes(const gif_decoder *self)
{
    return self->composed && self->head.restores ? smalti__canvas_bytes(self->head.width, self->head.height) : 0;
}

/* Copies the frame's place from the canvas, or back to it. */
static void exchange(gif_decoder *self, bool save)
{
    const rectangle *where = &self->where;
    size_t size = (size_t)where->width * 4;
    for (uint32_t y = 0; y < where->height; y++) {
        uint8_t *row = smalti__canvas_at(&self->canvas, where->x, where->y + y), *saved = self->saved + y * size;
        memcpy(save ? saved : row, save ? row : saved, size);
    }
}

static smalti_result put_frame(gif_decoder *self, const smalti__gif_frame *frame, smalti_error *error)
{
    SMALTI__TRY(begin_frame(self, frame, error));
    if (frame->disposal == SMALTI__GIF_RESTORE)
        exchange(self, true);
    return each_row(self, put_canvas, error);
}

static smalti_result gif_next_frame(smalti__decoder *decoder, smalti_error *error)
{
    gif_decoder *self = (gif_decoder *)decoder;
    if (self->broken)
        return SMALTI_OK;
    if (self->frame.disposal == SMALTI__GIF_CLEAR)
        smalti__canvas_clear(&self->canvas, &self->where);
    else if (self->frame.disposal == SMALTI__GIF_RESTORE)
        exchange(self, false);
    smalti_error problem;
    smalti__gif_frame frame;
    smalti_result result = smalti__gif_frame_at(decoder->source, &self->head, self->frame.next, &frame, &problem);
    if (result == SMALTI_OK)
        result = put_frame(self, &frame, &problem);
    return smalti__decoder_forgive(decoder, result, &problem, &self->broken, error);
}

/* ---- the first image alone ---- */

static size_t indices_bytes(const gif_decoder *self)
{
    const smalti__gif_frame *frame = &self->head.first;
    size_t size = (size_t)clip(frame->x, frame->width, self->head.width) *
                  clip(frame->y, frame->height, self->head.height); /* of 16 bits each */
    return !self->composed && frame->interlaced ? size : 0;
}

static void expand(const gif_decoder *self, const uint8_t *indices, uint8_t *to)
{
    uint32_t channels = self->base.out.channels;
    for (uint32_t x = 0; x < self->where.width; x++, to += channels)
        memcpy(to, self->palette[indices[x]], channels);
}

static smalti_result read_row(gif_decoder *self, uint32_t y, uint8_t *dst, smalti_error *error)
{
    uint32_t channels = self->base.out.channels, row = y - self->where.y;
    if (self->where.width < self->head.width || y < self->where.y || row >= self->where.height)
        memset(dst, 0, (size_t)self->head.width * channels);
    if (y < self->where.y || row >= self->where.height)
        return SMALTI_OK;
    const uint8_t *indices = self->line;
    if (self->indices) {
        indices = self->indices + (size_t)row * self->where.width;
    } else if (!self->broken) {
        smalti_error problem;
        smalti_result result = next_line(self, row, &problem);
        SMALTI__TRY(smalti__decoder_forgive(&self->base, result, &problem, &self->broken, error));
    }
    if (self->broken && !self->indices)
        memset(dst, 0, (size_t)self->head.width * channels);
    else
        expand(self, indices, dst + (size_t)self->where.x * channels);
    return SMALTI_OK;
}

/* ---- the decoder ---- */

static smalti_result allocate(gif_decoder *self, smalti_error *error)
{
    smalti__pool *pool = self->base.options.pool;
    const struct {
        size_t bytes;
        void **to;
    } parts[] = {{self->head.largest_width, (void **)&self->line},
                 {sizeof *self->lzw, (void **)&self->lzw},
                 {indices_bytes(self), (void **)&self->indices},
                 {saved_bytes(self), (void **)&self->saved}};
    for (size_t i = 0; i < SMALTI__COUNT(parts); i++) {
        if (!parts[i].bytes)
            continue;
        *parts[i].to = smalti__pool_get(pool, parts[i].bytes);
        if (!*parts[i].to)
            return smalti__fail_nomem(error, parts[i].bytes);
    }
    if (self->composed)
        return smalti__canvas_open(&self->canvas, self->head.width, self->head.height, pool, error);
    if (self->indices) /* rows that are missing */
        memset(self->indices, self->head.first.transparent >= 0 ? self->head.first.transparent : 0,
               indices_bytes(self));
    return SMALTI_OK;
}

static size_t work_bytes(const gif_decoder *self)
{
    size_t bytes = sizeof(smalti__gif_lzw) + self->head.largest_width + indices_bytes(self);
    bool fits = smalti__add(bytes, saved_bytes(self), &bytes);
    if (self->composed)
        fits = fits && smalti__add(bytes, smalti__canvas_bytes(self->head.width, self->head.height), &bytes);
    return fits ? bytes : SIZE_MAX;
}

static smalti_result gif_start(smalti__decoder *decoder, smalti_error *error)
{
    gif_decoder *self = (gif_decoder *)decoder;
    const smalti__source *source = decoder->source;
    if (self->head.truncated && !decoder->options.lenient)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                   "the file ends before its trailer");
    if (self->head.truncated)
        smalti__decoder_warn(&decoder->options, "the file ends at byte %zu, before its trailer", source->size);
    SMALTI__TRY(allocate(self, error));
    smalti_error problem;
    smalti_result result;
    if (self->composed) {
        result = put_frame(self, &self->head.first, &problem);
    } else {
        result = begin_frame(self, &self->head.first, &problem);
        if (result == SMALTI_OK && self->indices)
            result = each_row(self, put_indices, &problem);
    }
    return smalti__decoder_forgive(decoder, result, &problem, &self->broken, error);
}

static smalti_result gif_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    gif_decoder *self = (gif_decoder *)decoder;
    if (self->composed) {
        smalti__canvas_rows(&self->canvas, decoder->row, rows, decoder->out.channels, dst, pitch);
        return SMALTI_OK;
    }
    for (uint32_t y = 0; y < rows; y++)
        SMALTI__TRY(read_row(self, decoder->row + y, (uint8_t *)dst + y * pitch, error));
    return SMALTI_OK;
}

static smalti_result gif_finish(smalti__decoder *decoder, smalti_error *error)
{
    (void)decoder, (void)error; /* start has looked for the trailer, and every image must bring its last row */
    return SMALTI_OK;
}

static void gif_close(smalti__decoder *decoder)
{
    gif_decoder *self = (gif_decoder *)decoder;
    smalti__pool *pool = decoder->options.pool;
    smalti__canvas_close(&self->canvas, pool);
    smalti__pool_put(pool, self->line);
    smalti__pool_put(pool, self->lzw);
    smalti__pool_put(pool, self->indices);
    smalti__pool_put(pool, self->saved);
    smalti__metadata_clear(&decoder->metadata);
    free(self);
}

static void fill_info(const gif_decoder *self, smalti_info *info)
{
    const smalti__gif_head *head = &self->head;
    *info = (smalti_info){.format = "gif", .sample = SMALTI_SAMPLE_U8, .color = "palette", .compression = "lzw"};
    info->width = head->width;
    info->height = head->height;
    info->channels = head->alpha ? 4 : 3;
    info->has_alpha = head->alpha;
    info->bit_depth = head->depth;
    info->interlaced = head->first.interlaced;
    info->frames = head->frames;
    info->loops = head->frames > 1 ? head->loops : 0;
    info->duration_ms = head->frames > 1 ? head->duration_ms : 0;
    info->orientation = 1;
    info->file_bytes = self->base.source->size;
    info->decoded_bytes = (uint64_t)info->width * info->height * info->channels;
    info->icc_bytes = head->icc.size;
    info->xmp_bytes = head->xmp.size;
}

/* The profile lies in sub-blocks, an XMP packet does not. */
static smalti_result copy_metadata(gif_decoder *self, smalti_error *error)
{
    const smalti__decode_options *options = &self->base.options;
    const smalti__source *source = self->base.source;
    const smalti__gif_span *icc = &self->head.icc, *xmp = &self->head.xmp;
    smalti__metadata *metadata = &self->base.metadata;
    if (options->metadata)
        SMALTI__TRY(
            smalti__decoder_copy_blob(options, "XMP", source->data + xmp->offset, xmp->size, &metadata->xmp, error));
    /* sub-blocks take more room than what is in them: there is as much to read */
    SMALTI__TRY(smalti__decoder_copy_blob(options, "ICC profile", source->data + icc->offset, icc->size, &metadata->icc,
                                          error));
    if (metadata->icc.data)
        smalti__gif_join(source, icc, metadata->icc.data);
    return SMALTI_OK;
}

static smalti_result gif_open(smalti__source *source, const smalti__decode_options *options, smalti__decoder **decoder,
                              smalti_error *error)
{
    static const smalti__decoder_ops ops = {
        .start = gif_start, .read = gif_read, .finish = gif_finish, .close = gif_close, .next_frame = gif_next_frame};
    gif_decoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    smalti__decoder *base = &self->base;
    base->ops = &ops;
    base->source = source;
    base->options = *options;
    smalti_result result = smalti__gif_head_parse(source, &self->head, error);
    if (result == SMALTI_OK) {
        fill_info(self, &base->info);
        self->composed = options->all_frames && self->head.frames > 1;
        base->work_bytes = work_bytes(self);
    }
    if (result == SMALTI_OK)
        result = smalti__decoder_check_pixels(base, error);
    if (result == SMALTI_OK)
        result = smalti__decoder_check_frames(base, error);
    if (result == SMALTI_OK && !options->head_only)
        result = copy_metadata(self, error);
    if (result < 0) {
        gif_close(base);
        return result;
    }
    *decoder = base;
    return SMALTI_OK;
}

static bool gif_probe(const uint8_t *data, size_t size)
{
    return size >= 6 && (!memcmp(data, "GIF87a", 6) || !memcmp(data, "GIF89a", 6));
}

const smalti__decoder_format smalti__decoder_gif = {"gif", (const char *const[]){"gif", NULL}, gif_probe, gif_open};
