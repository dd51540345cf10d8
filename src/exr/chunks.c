/* SPDX-License-Identifier: Apache-2.0
 * Which pixels a chunk holds: rows of a block, tiles of levels, in the order of the offset table. Counts are kept in 64 bits
 * and saturate: a hostile header must not wrap them. */
#include "exr/exr.h"

uint32_t smalti__exr_rows_per_chunk(uint32_t compression)
{
    static const uint16_t rows[] = {1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32};
    return compression < SMALTI__COUNT(rows) ? rows[compression] : 0;
}

uint32_t smalti__exr_level_count(uint64_t size, bool round_up)
{
    uint32_t down = 63 - (uint32_t)__builtin_clzll(size | 1);
    return down + 1 + (round_up && size > 1 && (size & (size - 1)));
}

uint64_t smalti__exr_level_size(uint64_t size, uint32_t level, bool round_up)
{
    uint64_t scaled = round_up ? (size + ((uint64_t)1 << level) - 1) >> level : size >> level;
    return scaled ? scaled : 1;
}

static uint64_t part_width(const smalti_exr_part *part)
{
    return (uint64_t)((int64_t)part->data_window.max_x - part->data_window.min_x + 1);
}

static uint64_t part_height(const smalti_exr_part *part)
{
    return (uint64_t)((int64_t)part->data_window.max_y - part->data_window.min_y + 1);
}

static uint64_t divide_up(uint64_t value, uint64_t by)
{
    return (value + by - 1) / by;
}

/* Tiles of a level; at most 2⁶². */
static uint64_t tiles_of(const smalti_exr_part *part, uint32_t level_x, uint32_t level_y)
{
    uint64_t width = smalti__exr_level_size(part_width(part), level_x, part->round_up);
    uint64_t height = smalti__exr_level_size(part_height(part), level_y, part->round_up);
    return divide_up(width, part->tile_width) * divide_up(height, part->tile_height);
}

uint64_t smalti__exr_chunk_count(const smalti_exr_part *part)
{
    if (part->kind == SMALTI_EXR_SCANLINE || part->kind == SMALTI_EXR_DEEP_SCANLINE) {
        uint32_t rows = smalti__exr_rows_per_chunk(part->compression);
        return rows ? divide_up(part_height(part), rows) : UINT64_MAX;
    }
    uint64_t count = 0;
    bool ripmap = part->level_mode == 2;
    for (uint32_t y = 0; y < part->levels_y; y++)
        for (uint32_t x = ripmap ? 0 : y; x < (ripmap ? part->levels_x : y + 1); x++)
            if (__builtin_add_overflow(count, tiles_of(part, x, y), &count))
                return UINT64_MAX;
    return count;
}

/* ---- Walking ---- */

static void place_tile(smalti__exr_chunk *chunk)
{
    const smalti_exr_part *part = chunk->part;
    uint64_t x = (uint64_t)chunk->tile_x * part->tile_width, y = (uint64_t)chunk->tile_y * part->tile_height;
    uint64_t right = chunk->level_width - x, bottom = chunk->level_height - y;
    chunk->x = (int64_t)x + part->data_window.min_x;
    chunk->y = (int64_t)y + part->data_window.min_y;
    chunk->width = right < part->tile_width ? right : part->tile_width;
    chunk->height = bottom < part->tile_height ? bottom : part->tile_height;
}

static void begin_level(smalti__exr_chunk *chunk)
{
    const smalti_exr_part *part = chunk->part;
    chunk->level_width = smalti__exr_level_size(part_width(part), chunk->level_x, part->round_up);
    chunk->level_height = smalti__exr_level_size(part_height(part), chunk->level_y, part->round_up);
    chunk->tiles_x = divide_up(chunk->level_width, part->tile_width);
    chunk->tiles_y = divide_up(chunk->level_height, part->tile_height);
    chunk->tile_x = chunk->tile_y = 0;
    place_tile(chunk);
}

static void place_rows(smalti__exr_chunk *chunk)
{
    const smalti_exr_part *part = chunk->part;
    uint32_t rows = smalti__exr_rows_per_chunk(part->compression);
    chunk->y = part->data_window.min_y + (int64_t)(chunk->index * rows);
    uint64_t left = (uint64_t)(part->data_window.max_y - chunk->y + 1);
    chunk->height = left < rows ? left : rows;
}

bool smalti__exr_chunk_first(smalti__exr_chunk *chunk, const smalti_exr_part *part)
{
    *chunk = (smalti__exr_chunk){.part = part, .x = part->data_window.min_x, .width = part_width(part)};
    if (part->kind == SMALTI_EXR_OTHER)
        return false;
    if (smalti__exr_is_tiled(part))
        begin_level(chunk);
    else
        place_rows(chunk);
    return true;
}

bool smalti__exr_chunk_next(smalti__exr_chunk *chunk)
{
    const smalti_exr_part *part = chunk->part;
    if (++chunk->index >= part->chunk_count)
        return false;
    if (!smalti__exr_is_tiled(part)) {
        place_rows(chunk);
        return true;
    }
    if (++chunk->tile_x < chunk->tiles_x) {
        place_tile(chunk);
        return true;
    }
    chunk->tile_x = 0;
    if (++chunk->tile_y < chunk->tiles_y) {
        place_tile(chunk);
        return true;
    }
    if (part->level_mode == 1) { /* mipmap: both together */
        chunk->level_x++, chunk->level_y++;
    } else if (++chunk->level_x == part->levels_x) {
        chunk->level_x = 0;
        chunk->level_y++;
    }
    begin_level(chunk);
    return true;
}

static bool find_tile(smalti__exr_chunk *chunk, const smalti_exr_part *part, const int32_t at[4])
{
    bool ripmap = part->level_mode == 2;
    if (at[0] < 0 || at[1] < 0 || at[2] < 0 || at[3] < 0 || (uint32_t)at[2] >= part->levels_x ||
        (uint32_t)at[3] >= part->levels_y || (!ripmap && at[2] != at[3]))
        return false;
    *chunk = (smalti__exr_chunk){.part = part, .level_x = (uint32_t)at[2], .level_y = (uint32_t)at[3]};
    begin_level(chunk);
    if ((uint32_t)at[0] >= chunk->tiles_x || (uint32_t)at[1] >= chunk->tiles_y)
        return false;
    chunk->tile_x = (uint32_t)at[0], chunk->tile_y = (uint32_t)at[1];
    place_tile(chunk);
    chunk->index = chunk->tile_y * chunk->tiles_x + chunk->tile_x;
    /* the levels before it */
    for (uint32_t y = 0; y <= chunk->level_y; y++)
        for (uint32_t x = ripmap ? 0 : y; x < (ripmap ? part->levels_x : y + 1); x++) {
            if (y == chunk->level_y && x == chunk->level_x)
                return true;
            chunk->index += tiles_of(part, x, y);
        }
    return true;
}

bool smalti__exr_chunk_find(smalti__exr_chunk *chunk, const smalti_exr_part *part, const int32_t coordinates[4])
{
    if (part->kind == SMALTI_EXR_OTHER)
        return false;
    if (smalti__exr_is_tiled(part))
        return find_tile(chunk, part, coordinates);
    int64_t row = (int64_t)coordinates[0] - part->data_window.min_y;
    uint32_t rows = smalti__exr_rows_per_chunk(part->compression);
    if (row < 0 || coordinates[0] > part->data_window.max_y || row % rows)
        return false;
    *chunk = (smalti__exr_chunk){
        .part = part, .index = (uint64_t)row / rows, .x = part->data_window.min_x, .width = part_width(part)};
    place_rows(chunk);
    return true;
}

/* floor(value / by) for a positive by. */
static int64_t divide_down(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

uint64_t smalti__exr_samples(int64_t start, uint64_t count, int32_t sampling)
{
    if (sampling == 1)
        return count;
    return (uint64_t)(divide_down(start + (int64_t)count - 1, sampling) - divide_down(start - 1, sampling));
}

uint64_t smalti__exr_chunk_bytes(const smalti__exr_chunk *chunk)
{
    const smalti_exr_part *part = chunk->part;
    uint64_t total = 0;
    for (uint32_t c = 0; c < part->channel_count; c++) {
        const smalti_exr_channel *channel = &part->channels[c];
        uint64_t samples = smalti__exr_samples(chunk->x, chunk->width, channel->x_sampling) *
                           smalti__exr_samples(chunk->y, chunk->height, channel->y_sampling);
        uint64_t bytes;
        if (__builtin_mul_overflow(samples, smalti_exr_sample_bytes(channel->sample), &bytes) ||
            __builtin_add_overflow(total, bytes, &total))
            return UINT64_MAX;
    }
    return total;
}
