/* SPDX-License-Identifier: Apache-2.0
 * An eighth of a JPEG file of several scans: a sample is the mean of a block, so nothing but that coefficient is kept (2
 * bytes of a block instead of 128), and of a progressive file the scans of the others are passed over. libjpeg reads and
 * writes the arrays of blocks through functions of its memory manager, and those are replaced here. */
#include "decode/jpeg_decoder.h"

enum { ROWS = 4 /* of blocks, that libjpeg takes at a time: the largest sampling factor */ };
enum { MARKER_SOS = 0xda, MARKER_EOI = 0xd9, MARKER_RST0 = 0xd0, MARKER_RST7 = 0xd7 };

typedef smalti__jpeg_decoder jpeg_decoder;

/* One component's blocks: what libjpeg takes for its own array. */
struct smalti__jpeg_means {
    uint32_t across, down; /* blocks */
    int16_t *means;        /* of all blocks; pool */
    uint32_t row, count;   /* rows that libjpeg has in hand */
    bool changed;
    JBLOCKROW lines[ROWS]; /* those rows; pool, the first is the whole */
};

/* ---- arrays ---- */

static jvirt_barray_ptr request(j_common_ptr common, int pool_id, boolean pre_zero, JDIMENSION across, JDIMENSION down,
                                JDIMENSION most_rows)
{
    jpeg_decoder *self = common->client_data;
    smalti__pool *pool = self->base.options.pool;
    (void)pool_id, (void)pre_zero, (void)most_rows; /* the most are for smoothing blocks, which is off */
    if (self->means_count == SMALTI__COUNT(self->means))
        smalti__jpeg_leave(self, SMALTI_E_UNSUPPORTED, "components that do not fit together");
    struct smalti__jpeg_means *made = calloc(1, sizeof *made);
    if (!made)
        smalti__jpeg_leave(self, SMALTI_E_NOMEM, "out of memory");
    self->means[self->means_count++] = made;
    made->across = across;
    made->down = down;
    /* the product was checked with the decoder's work_bytes */
    made->means = smalti__pool_get(pool, (size_t)across * down * sizeof *made->means);
    made->lines[0] = smalti__pool_get(pool, (size_t)across * ROWS * sizeof(JBLOCK));
    if (!made->means || !made->lines[0])
        smalti__jpeg_leave(self, SMALTI_E_NOMEM, "out of memory");
    memset(made->means, 0, (size_t)across * down * sizeof *made->means);
    for (uint32_t i = 1; i < ROWS; i++)
        made->lines[i] = made->lines[i - 1] + across;
    return (jvirt_barray_ptr)(void *)made;
}

static void put_back(struct smalti__jpeg_means *array)
{
    for (uint32_t y = 0; array->changed && y < array->count; y++)
        for (uint32_t x = 0; x < array->across; x++)
            array->means[(size_t)(array->row + y) * array->across + x] = array->lines[y][x][0];
    array->changed = false;
}

static JBLOCKARRAY take(j_common_ptr common, jvirt_barray_ptr pointer, JDIMENSION row, JDIMENSION count,
                        boolean writable)
{
    jpeg_decoder *self = common->client_data;
    struct smalti__jpeg_means *array = (struct smalti__jpeg_means *)(void *)pointer;
    put_back(array);
    if (row > array->down || count > array->down - row || count > ROWS)
        smalti__jpeg_leave(self, SMALTI_E_FORMAT, "rows that the image has not got");
    for (uint32_t y = 0; y < count; y++) {
        memset(array->lines[y], 0, array->across * sizeof(JBLOCK));
        for (uint32_t x = 0; x < array->across; x++)
            array->lines[y][x][0] = array->means[(size_t)(row + y) * array->across + x];
    }
    array->row = row;
    array->count = count;
    array->changed = writable;
    return array->lines;
}

void smalti__jpeg_dc_close(jpeg_decoder *self)
{
    for (uint32_t i = 0; i < self->means_count; i++) {
        smalti__pool_put(self->base.options.pool, self->means[i]->means);
        smalti__pool_put(self->base.options.pool, self->means[i]->lines[0]);
        free(self->means[i]);
    }
    self->means_count = 0;
}

/* ---- scans ---- */

/* The next marker's 0xff at or behind at; size: none. Stuffed zeros and restarts belong to the scan. */
static size_t find_marker(const smalti__source *source, size_t at)
{
    while (at + 1 < source->size) {
        const uint8_t *found = memchr(source->data + at, 0xff, source->size - 1 - at);
        if (!found)
            break;
        at = (size_t)(found - source->data);
        uint8_t code = found[1];
        if (code && code != 0xff && (code < MARKER_RST0 || code > MARKER_RST7))
            return at;
        at += code == 0xff ? 1 : 2;
    }
    return source->size;
}

/* Behind a marker segment; size when it is cut off. */
static size_t behind_segment(const smalti__source *source, size_t at)
{
    if (source->size - at < 4)
        return source->size;
    size_t end = at + 2 + smalti__be16(source->data + at + 2);
    return end < source->size ? end : source->size;
}

/* Whether the segment at a marker begins a scan without means: number of components, two bytes of each, first coefficient. */
static bool is_detail(const smalti__source *source, size_t at)
{
    if (source->size - at < 5 || source->data[at + 1] != MARKER_SOS)
        return false;
    size_t first = at + 5 + 2 * (size_t)source->data[at + 4];
    return first < behind_segment(source, at) && source->data[first] > 0;
}

/* From a marker on, where the next scan begins that libjpeg is not to see. */
static size_t detail_from(const smalti__source *source, size_t at)
{
    while (at < source->size && !is_detail(source, at) && source->data[at + 1] != MARKER_EOI)
        at = find_marker(source, behind_segment(source, at));
    return at < source->size && source->data[at + 1] == MARKER_EOI ? source->size : at;
}

bool smalti__jpeg_dc_next(jpeg_decoder *self)
{
    const smalti__source *source = self->base.source;
    size_t at = self->input_bytes;
    while (at < source->size && is_detail(source, at))
        at = find_marker(source, behind_segment(source, at));
    if (at >= source->size)
        return false;
    self->input_bytes = detail_from(source, at);
    self->input.next_input_byte = source->data + at;
    self->input.bytes_in_buffer = self->input_bytes - at;
    return true;
}

/* ---- use ---- */

bool smalti__jpeg_dc_will_do(const jpeg_decoder *self)
{
    /* what a lenient decoder does about damage needs the whole file */
    return self->head.multiple_scans && self->coarse && self->base.reduced == DCTSIZE && !self->base.options.lenient;
}

uint64_t smalti__jpeg_dc_work_bytes(const smalti__jpeg_head *head)
{
    enum { TABLES = 128 * 1024, EXTRA = 1024 };
    uint64_t total = TABLES;
    for (uint32_t i = 0; i < head->components; i++) {
        const smalti__jpeg_component *c = &head->component[i];
        uint64_t mcu_across = (head->width + 8 * head->max_h - 1) / (8 * head->max_h);
        uint64_t mcu_down = (head->height + 8 * head->max_v - 1) / (8 * head->max_v);
        uint64_t across = mcu_across * c->h, down = mcu_down * c->v;
        total += across * down * sizeof(int16_t) + across * ROWS * sizeof(JBLOCK) + EXTRA;
    }
    return total;
}

void smalti__jpeg_want_dc(jpeg_decoder *self)
{
    struct jpeg_memory_mgr *memory = self->jpeg.mem;
    memory->request_virt_barray = request;
    memory->access_virt_barray = take;
    self->jpeg.do_block_smoothing = FALSE; /* that is for detail which is yet to come */
}

void smalti__jpeg_dc_begin(jpeg_decoder *self)
{
    if (self->dc_only && self->head.progressive)
        self->input_bytes = detail_from(self->base.source, self->head.scan_offset);
}
