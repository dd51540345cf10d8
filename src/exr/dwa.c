/* SPDX-License-Identifier: Apache-2.0
 * Chunks of DWAA and DWAB: sizes are checked against the part's geometry before there is memory for them, and sections that
 * only channels have that nobody wants are not inflated. */
#include "exr/dwa.h"

#include <libdeflate.h>

#include "exr/pixels.h"

enum {
    NUMBERS = 11,
    MOST_AC = 63, /* coefficients of a block but the first */
    /* memory for a block: its coefficients, and the first one in two forms */
    BLOCK_BYTES = 2 * MOST_AC + 4,
    HUFFMAN = 0,
    DEFLATE = 1
};

/* What a chunk begins with. */
typedef struct chunk_head {
    uint64_t version;
    uint64_t plain_bytes, plain_packed;
    uint64_t ac_packed, dc_packed;
    uint64_t rle_packed, rle_bytes, raw_bytes; /* deflated, as runs, undone */
    uint64_t ac_count, dc_count;               /* halves */
    uint64_t ac_method;
    const uint8_t *rules; /* NULL: versions 0 and 1 */
    size_t rules_size;
    const uint8_t *plain, *ac, *dc, *rle; /* sections */
} chunk_head;

/* The sections at work, in smalti__exr_dwa.work; NULL: nobody wants them. */
typedef struct sections {
    uint8_t *ac, *dc, *plain, *runs, *raw;
} sections;

/* ---- life ---- */

smalti__exr_dwa *smalti__exr_dwa_open(const smalti_exr_part *part, struct libdeflate_decompressor *inflate)
{
    size_t count = (size_t)part->channel_count + 1;
    smalti__exr_dwa *dwa = calloc(1, sizeof *dwa);
    if (!dwa)
        return NULL;
    *dwa = (smalti__exr_dwa){.part = part, .unpack = smalti__exr_unpack_get(), .inflate = inflate};
    dwa->channels = calloc(count, sizeof *dwa->channels);
    dwa->order = calloc(count, sizeof *dwa->order);
    dwa->sets = calloc(count / 3 + 1, sizeof *dwa->sets);
    if (dwa->channels && dwa->order && dwa->sets && smalti__exr_dwa_name_channels(dwa))
        return dwa;
    smalti__exr_dwa_close(dwa);
    return NULL;
}

void smalti__exr_dwa_close(smalti__exr_dwa *dwa)
{
    if (!dwa)
        return;
    free(dwa->rows);
    free(dwa->work);
    free(dwa->huffman);
    free(dwa->rules);
    free(dwa->sets);
    free(dwa->order);
    free(dwa->channels);
    free(dwa);
}

size_t smalti__exr_dwa_bytes(const smalti_exr_part *part, uint64_t width, uint64_t rows)
{
    enum { CHANNEL = sizeof(smalti__exr_dwa_channel) + 64, REST = sizeof(smalti__exr_huffman) + (256 << 10) };
    size_t total = REST;
    for (uint32_t c = 0; c < part->channel_count; c++) {
        const smalti_exr_channel *channel = &part->channels[c];
        uint64_t across = (width + (uint32_t)channel->x_sampling - 1) / (uint32_t)channel->x_sampling;
        uint64_t down = (rows + (uint32_t)channel->y_sampling - 1) / (uint32_t)channel->y_sampling;
        size_t lossy, plain, row_bytes;
        /* runs may be twice as long as what they stand for */
        if (!smalti__mul(((size_t)across + 7) / 8, ((size_t)down + 7) / 8, &lossy) ||
            !smalti__mul(lossy, BLOCK_BYTES, &lossy) || !smalti__mul((size_t)across, (size_t)down, &plain) ||
            !smalti__mul(plain, 3 * (size_t)smalti_exr_sample_bytes(channel->sample), &plain) ||
            !smalti__mul((size_t)down, sizeof(size_t), &row_bytes) ||
            !smalti__add(total, (lossy > plain ? lossy : plain) + CHANNEL, &total) ||
            !smalti__add(total, row_bytes, &total))
            return SIZE_MAX;
    }
    return total;
}

/* *memory gets room for size items; what was in it is lost. */
static bool make_room(void *memory, size_t *room, size_t size, size_t item_bytes)
{
    void **at = memory;
    if (size <= *room)
        return true;
    free(*at);
    *room = 0;
    *at = calloc(size, item_bytes);
    if (!*at)
        return false;
    *room = size;
    return true;
}

/* ---- the head ---- */

static bool take(const uint8_t **at, size_t *left, uint64_t size, const uint8_t **section)
{
    if (size > *left)
        return false;
    *section = *at;
    *at += size, *left -= (size_t)size;
    return true;
}

static bool read_head(chunk_head *head, const uint8_t *at, size_t left)
{
    uint64_t numbers[NUMBERS];
    const uint8_t *rules;
    if (left < sizeof numbers)
        return false;
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = smalti__le64(at + 8 * (size_t)i);
    at += sizeof numbers, left -= sizeof numbers;
    *head = (chunk_head){.version = numbers[0],
                         .plain_bytes = numbers[1],
                         .plain_packed = numbers[2],
                         .ac_packed = numbers[3],
                         .dc_packed = numbers[4],
                         .rle_packed = numbers[5],
                         .rle_bytes = numbers[6],
                         .raw_bytes = numbers[7],
                         .ac_count = numbers[8],
                         .dc_count = numbers[9],
                         .ac_method = numbers[10]};
    if (head->version > 2)
        return false;
    if (head->version == 2) { /* the size counts itself */
        size_t size = left < 2 ? 0 : smalti__le16(at);
        if (size < 2 || !take(&at, &left, size, &rules))
            return false;
        head->rules = rules + 2, head->rules_size = size - 2;
    }
    return take(&at, &left, head->plain_packed, &head->plain) && take(&at, &left, head->ac_packed, &head->ac) &&
           take(&at, &left, head->dc_packed, &head->dc) && take(&at, &left, head->rle_packed, &head->rle);
}

/* The rules of one chunk are mostly those of the chunk before. */
static smalti_result classify(smalti__exr_dwa *dwa, const chunk_head *head)
{
    size_t size = head->rules_size;
    bool known = !head->rules;
    if (dwa->classified && known == !dwa->rules_size &&
        (known || (size + 1 == dwa->rules_size && !memcmp(dwa->rules + 1, head->rules, size))))
        return SMALTI_OK;
    dwa->classified = false;
    if (!make_room(&dwa->rules, &dwa->rules_room, size + 1, 1))
        return SMALTI_E_NOMEM;
    if (!known)
        memcpy(dwa->rules + 1, head->rules, size);
    dwa->rules_size = known ? 0 : size + 1; /* 0 for none, which is not the same as an empty list */
    dwa->classified = smalti__exr_dwa_classify(dwa, head->rules, size);
    return dwa->classified ? SMALTI_OK : SMALTI_E_FORMAT;
}

/* ---- geometry ---- */

typedef struct totals {
    size_t blocks, plain, raw; /* bytes but for blocks */
    bool ac_wanted, plain_wanted, raw_wanted;
} totals;

static void measure(smalti__exr_dwa *dwa, const smalti__exr_chunk *chunk, totals *sums)
{
    /* nothing overflows: it is less than the chunk's bytes, for which there is room, times 64 */
    *sums = (totals){0};
    for (uint32_t c = 0; c < dwa->part->channel_count; c++) {
        smalti__exr_dwa_channel *channel = &dwa->channels[c];
        channel->width = (size_t)smalti__exr_samples(chunk->x, chunk->width, channel->channel->x_sampling);
        channel->height = (size_t)smalti__exr_samples(chunk->y, chunk->height, channel->channel->y_sampling);
        channel->blocks = (channel->width + 7) / 8 * ((channel->height + 7) / 8);
        size_t bytes = channel->width * channel->height * smalti_exr_sample_bytes(channel->channel->sample);
        if (channel->scheme == SMALTI__EXR_DWA_DCT) {
            sums->blocks += channel->blocks;
            sums->ac_wanted = sums->ac_wanted || channel->wanted;
        } else if (channel->scheme == SMALTI__EXR_DWA_RLE) {
            sums->raw += bytes;
            sums->raw_wanted = sums->raw_wanted || channel->wanted;
        } else {
            sums->plain += bytes;
            sums->plain_wanted = sums->plain_wanted || channel->wanted;
        }
    }
}

/* A set is decoded as a whole. */
static void want_sets(smalti__exr_dwa *dwa)
{
    for (uint32_t i = 0; i < dwa->set_count; i++) {
        const uint32_t *c = dwa->sets[i].channels;
        bool wanted = dwa->channels[c[0]].wanted || dwa->channels[c[1]].wanted || dwa->channels[c[2]].wanted;
        for (int k = 0; k < 3; k++)
            dwa->channels[c[k]].wanted = wanted;
    }
}

/* Where the rows of the channels begin: a row of each channel that has one, then the next rows. */
static bool place_rows(smalti__exr_dwa *dwa, const smalti__exr_chunk *chunk)
{
    size_t count = 0, at = 0;
    for (uint32_t c = 0; c < dwa->part->channel_count; c++) {
        dwa->channels[c].first_row = count;
        count += dwa->channels[c].height;
    }
    if (!make_room(&dwa->rows, &dwa->row_room, count + 1, sizeof *dwa->rows))
        return false;
    for (uint64_t y = 0; y < chunk->height; y++)
        for (uint32_t c = 0; c < dwa->part->channel_count; c++) {
            smalti__exr_dwa_channel *channel = &dwa->channels[c];
            int32_t sampling = channel->channel->y_sampling;
            if (!channel->height || !smalti__exr_samples(chunk->y + (int64_t)y, 1, sampling))
                continue;
            dwa->rows[channel->first_row + (size_t)smalti__exr_samples(chunk->y, y, sampling)] = at;
            at += channel->width * smalti_exr_sample_bytes(channel->channel->sample);
        }
    return true;
}

static bool sizes_fit(const chunk_head *head, const totals *sums)
{
    return head->dc_count == sums->blocks && head->ac_count <= (uint64_t)sums->blocks * MOST_AC &&
           head->plain_bytes == sums->plain && head->raw_bytes == sums->raw &&
           head->rle_bytes <= 2 * (uint64_t)sums->raw;
}

/* ---- sections ---- */

static bool make_sections(smalti__exr_dwa *dwa, const chunk_head *head, const totals *sums, sections *to)
{
    size_t ac = sums->ac_wanted ? 2 * (size_t)head->ac_count : 0, dc = sums->ac_wanted ? 4 * sums->blocks : 0;
    size_t plain = sums->plain_wanted ? sums->plain : 0, raw = sums->raw_wanted ? sums->raw : 0;
    size_t runs = sums->raw_wanted ? (size_t)head->rle_bytes : 0;
    if (!make_room(&dwa->work, &dwa->work_room, ac + dc + plain + raw + runs + 1, 1))
        return false;
    *to = (sections){.ac = dwa->work};
    to->dc = to->ac + ac;
    to->plain = to->dc + dc;
    to->raw = to->plain + plain;
    to->runs = to->raw + raw;
    return true;
}

static bool inflate(const smalti__exr_dwa *dwa, const uint8_t *src, uint64_t src_size, uint8_t *dst, size_t size)
{
    size_t made;
    if (!size)
        return true;
    return !libdeflate_zlib_decompress(dwa->inflate, src, (size_t)src_size, dst, size, &made) && made == size;
}

static smalti_result read_ac(smalti__exr_dwa *dwa, const chunk_head *head, uint8_t *dst)
{
    size_t count = (size_t)head->ac_count;
    bool fine = true;
    if (!count)
        return SMALTI_OK;
    if (head->ac_method == HUFFMAN) {
        if (!dwa->huffman)
            dwa->huffman = malloc(sizeof *dwa->huffman);
        if (!dwa->huffman)
            return SMALTI_E_NOMEM;
        fine = smalti__exr_huffman_run(dwa->huffman, head->ac, (size_t)head->ac_packed, dst, count);
    } else {
        fine = head->ac_method == DEFLATE && inflate(dwa, head->ac, head->ac_packed, dst, 2 * count);
    }
    return fine ? SMALTI_OK : SMALTI_E_FORMAT;
}

/* In the form of ZIP; dst has twice the room. */
static bool read_dc(const smalti__exr_dwa *dwa, const chunk_head *head, uint8_t *dst)
{
    size_t count = (size_t)head->dc_count;
    uint8_t *sums = dst + 2 * count;
    if (!inflate(dwa, head->dc, head->dc_packed, sums, 2 * count))
        return false;
    if (count) {
        dwa->unpack->sum(sums, sums, 2 * count, 128);
        dwa->unpack->weave(dst, sums, sums + count, count);
    }
    return true;
}

static smalti_result read_sections(smalti__exr_dwa *dwa, const chunk_head *head, const totals *sums, sections *to)
{
    if (!make_sections(dwa, head, sums, to))
        return SMALTI_E_NOMEM;
    if (sums->ac_wanted) {
        smalti_result result = read_ac(dwa, head, to->ac);
        if (result < 0)
            return result;
        if (!read_dc(dwa, head, to->dc))
            return SMALTI_E_FORMAT;
    }
    if (sums->plain_wanted && !inflate(dwa, head->plain, head->plain_packed, to->plain, sums->plain))
        return SMALTI_E_FORMAT;
    if (sums->raw_wanted && (!inflate(dwa, head->rle, head->rle_packed, to->runs, (size_t)head->rle_bytes) ||
                             !smalti__exr_rle_undo(to->runs, (size_t)head->rle_bytes, to->raw, sums->raw)))
        return SMALTI_E_FORMAT;
    return SMALTI_OK;
}

/* ---- channels ---- */

/* The channels of a set, or one alone; *dc goes on behind their first coefficients. */
static bool decode_lossy(smalti__exr_dwa *dwa, const uint32_t *channels, uint32_t count, const uint8_t **ac,
                         const uint8_t *ac_end, const uint8_t **dc, uint8_t *room)
{
    const smalti__exr_dwa_channel *first = &dwa->channels[channels[0]];
    smalti__exr_dwa_blocks blocks = {.unpack = dwa->unpack,
                                     .ac = *ac,
                                     .ac_end = ac_end,
                                     .dc = *dc,
                                     .count = count,
                                     .width = first->width,
                                     .height = first->height,
                                     .wanted = first->wanted};
    if (count == 3 || !first->channel->linear)
        blocks.linear = smalti__exr_dwa_linear();
    for (uint32_t i = 0; i < count; i++) {
        const smalti__exr_dwa_channel *channel = &dwa->channels[channels[i]];
        blocks.planes[i].rows = dwa->rows + channel->first_row;
        blocks.planes[i].wide = channel->channel->sample == SMALTI_EXR_FLOAT;
    }
    bool fine = smalti__exr_dwa_decode(&blocks, room);
    *ac = blocks.ac;
    *dc += 2 * first->blocks * count;
    return fine;
}

static bool decode_all_lossy(smalti__exr_dwa *dwa, const chunk_head *head, const sections *from, uint8_t *room)
{
    const uint8_t *ac = from->ac, *end = ac + 2 * (size_t)head->ac_count, *dc = from->dc;
    for (uint32_t i = 0; i < dwa->set_count; i++)
        if (!decode_lossy(dwa, dwa->sets[i].channels, 3, &ac, end, &dc, room))
            return false;
    for (uint32_t c = 0; c < dwa->part->channel_count; c++)
        if (dwa->channels[c].scheme == SMALTI__EXR_DWA_DCT && !dwa->channels[c].in_set &&
            !decode_lossy(dwa, &c, 1, &ac, end, &dc, room))
            return false;
    return true;
}

/* Rows as they are, and planes of the bytes of samples. */
static void place_plain(smalti__exr_dwa *dwa, smalti__exr_dwa_scheme scheme, const uint8_t *from, uint8_t *room)
{
    for (uint32_t c = 0; c < dwa->part->channel_count; c++) {
        const smalti__exr_dwa_channel *channel = &dwa->channels[c];
        size_t bytes = smalti_exr_sample_bytes(channel->channel->sample), count = channel->width * channel->height;
        if (channel->scheme != scheme)
            continue;
        for (size_t y = 0; y < channel->height && channel->wanted; y++) {
            uint8_t *to = room + dwa->rows[channel->first_row + y];
            const uint8_t *row = from + y * channel->width;
            if (scheme == SMALTI__EXR_DWA_PLAIN)
                memcpy(to, from + y * channel->width * bytes, channel->width * bytes);
            else if (bytes == 2)
                dwa->unpack->weave(to, row, row + count, channel->width);
            else
                for (size_t x = 0; x < channel->width; x++)
                    for (size_t b = 0; b < bytes; b++)
                        to[x * bytes + b] = row[b * count + x];
        }
        from += count * bytes;
    }
}

smalti_result smalti__exr_dwa_run(smalti__exr_dwa *dwa, const smalti__exr_chunk *chunk, const uint8_t *packed,
                                  size_t packed_size, uint8_t *room)
{
    chunk_head head;
    totals sums;
    sections from;
    if (!read_head(&head, packed, packed_size))
        return SMALTI_E_FORMAT;
    smalti_result result = classify(dwa, &head);
    if (result < 0)
        return result;
    want_sets(dwa);
    measure(dwa, chunk, &sums);
    if (!sizes_fit(&head, &sums))
        return SMALTI_E_FORMAT;
    if (!place_rows(dwa, chunk))
        return SMALTI_E_NOMEM;
    result = read_sections(dwa, &head, &sums, &from);
    if (result < 0)
        return result;
    if (sums.ac_wanted && !decode_all_lossy(dwa, &head, &from, room))
        return SMALTI_E_FORMAT;
    if (sums.plain_wanted)
        place_plain(dwa, SMALTI__EXR_DWA_PLAIN, from.plain, room);
    if (sums.raw_wanted)
        place_plain(dwa, SMALTI__EXR_DWA_RLE, from.raw, room);
    return SMALTI_OK;
}
