/* SPDX-License-Identifier: Apache-2.0
 * The filtered image in slabs of a fixed size. A thread of their own inflates some of them ahead while the caller's undoes
 * the filters of the one before; without it they are the same, so that rows, errors and their order are too. */
#include "decode/png.h"

enum {
    SLAB_BYTES = 128 * 1024, /* together they stay in the caches; larger ones are no faster */
    THREAD_LEAST = 8, /* slabs of an image that are worth a thread */
};

static uint64_t filtered_bytes(const smalti__png *png)
{
    const smalti_info *info = &png->base.info;
    return info->interlaced ? smalti__png_adam7_bytes(png) : (uint64_t)info->height * (png->row_bytes + 1);
}

/* At least a row. */
static size_t slab_bytes(const smalti__png *png)
{
    return png->row_bytes + 1 > SLAB_BYTES ? png->row_bytes + 1 : SLAB_BYTES;
}

/* For a row that is kept and one that is not whole. */
static size_t slab_head(const smalti__png *png)
{
    return smalti__align(2 * png->row_bytes, 64);
}

/* Warnings are the caller's thread's alone: nothing is made ahead of damaged data that may be gone on from. */
static uint32_t slab_count(const smalti__png *png)
{
    const smalti__decode_options *options = &png->base.options;
    bool threaded = options->spare_thread && !options->lenient && slab_bytes(png) == SLAB_BYTES &&
                    filtered_bytes(png) >= THREAD_LEAST * SLAB_BYTES;
    return threaded ? SMALTI__PNG_SLABS : 1;
}

size_t smalti__png_slabs_bytes(const smalti__png *png)
{
    return slab_count(png) * (slab_head(png) + slab_bytes(png));
}

smalti_result smalti__png_slabs_ended(smalti__png *png, smalti_error *error)
{
    /* the caller is about to close: it will not see this one */
    if (png->threaded && smalti__handoff_ended(&png->ahead))
        return SMALTI_E_CANCELLED;
    return smalti__stop_check(png->base.options.stop, error);
}

static void make_slab(smalti__png *png, smalti__png_slab *slab)
{
    size_t room = png->slab_bytes < png->bytes_left ? png->slab_bytes : (size_t)png->bytes_left;
    slab->result = smalti__png_inflate(png, slab->memory + png->slab_head, room, &slab->made, &slab->error);
    png->bytes_left -= slab->made;
    slab->offset = png->offset;
}

/* The thread: until all is made, something is wrong, or the caller has had enough. */
static void run_ahead(void *user)
{
    smalti__png *png = user;
    bool more = true;
    for (uint32_t number = 0; more && smalti__handoff_room(&png->ahead); number = (number + 1) % SMALTI__PNG_SLABS) {
        smalti__png_slab *slab = &png->slabs[number];
        make_slab(png, slab);
        more = slab->result == SMALTI_OK && slab->made == png->slab_bytes && png->bytes_left;
        smalti__handoff_give(&png->ahead);
    }
}

smalti_result smalti__png_slabs_start(smalti__png *png, smalti_error *error)
{
    png->slab_head = slab_head(png);
    png->slab_bytes = slab_bytes(png);
    png->bytes_left = filtered_bytes(png);
    png->slab_count = slab_count(png);
    for (uint32_t i = 0; i < png->slab_count; i++) {
        png->slabs[i].memory = smalti__pool_get(png->base.options.pool, png->slab_head + png->slab_bytes);
        if (!png->slabs[i].memory)
            return smalti__fail_nomem(error, png->slab_head + png->slab_bytes);
    }
    png->slab = png->slab_count - 1; /* the first is next */
    png->buffer = png->slabs[png->slab].memory;
    png->begin = png->end = png->slab_head;
    /* set before there is a thread, which reads it */
    png->threaded = png->slab_count > 1;
    if (png->threaded && !smalti__handoff_open(&png->ahead, SMALTI__PNG_SLABS, run_ahead, png))
        png->threaded = false;
    return SMALTI_OK;
}

void smalti__png_slabs_stop(smalti__png *png)
{
    if (png->threaded)
        png->base.helper_cpu_ns = smalti__handoff_close(&png->ahead);
    png->threaded = false;
}

void smalti__png_slabs_free(smalti__png *png)
{
    smalti__png_slabs_stop(png);
    for (uint32_t i = SMALTI__PNG_SLABS; i-- > 0;)
        smalti__pool_put(png->base.options.pool, png->slabs[i].memory);
}

smalti_result smalti__png_fill(smalti__png *png, size_t row_bytes, size_t keep, bool *have, smalti_error *error)
{
    *have = png->end - png->begin > row_bytes;
    if (*have || png->cut)
        return SMALTI_OK;
    bool first = !png->filled_offset, there = true;
    uint32_t number = (png->slab + 1) % png->slab_count;
    smalti__png_slab *next = &png->slabs[number];
    if (png->threaded)
        there = smalti__handoff_wait(&png->ahead, first ? 1 : 2);
    size_t left = png->end - png->begin + keep;
    if (there) {
        memmove(next->memory + png->slab_head - left, png->buffer + png->begin - keep, left);
        if (!png->threaded)
            make_slab(png, next);
        else if (!first)
            smalti__handoff_take(&png->ahead);
        if (next->result < 0) {
            if (error)
                *error = next->error;
            return next->result;
        }
        png->slab = number;
        png->buffer = next->memory;
        png->begin = png->slab_head - left + keep;
        png->end = png->slab_head + next->made;
        png->filled_offset = next->offset;
    }
    *have = png->end - png->begin > row_bytes;
    if (*have)
        return SMALTI_OK;
    png->cut = true;
    return smalti__png_damage(png, error, SMALTI_E_FORMAT_TRUNCATED, png->filled_offset, "the pixel data ends early");
}
