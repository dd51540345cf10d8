/* SPDX-License-Identifier: Apache-2.0
 * Runs and Huffman codes: bytes are counted, runs that cost less than their literals are taken out of the counts, the
 * code is made, and the bytes are written, four literals for each access to memory. */
#include "encode/png_huffman.h"

#include "base/base.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
    END_OF_BLOCK = 256,
    FIRST_LENGTH = 257,
    LONGEST = 258,
    CODE_MOST = 12, /* bits; four codes and 7 bits left over from before fit 64 bits */
    HEAD_SYMBOLS = 19,
    HEAD_CODE_MOST = 7,
    BLOCK_STORED = 0,
    BLOCK_DYNAMIC = 2,
    RUN_BITS = 10, /* about what a run costs */
};

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* --- a code from counts --- */

/* Sorts the symbols that occur by count, ties by number. Counts are below 2^16. Returns how many there are. */
static uint32_t sort_symbols(const uint32_t *counts, uint32_t symbols, uint16_t *sorted)
{
    uint16_t by_low[SMALTI__HUFFMAN_SYMBOLS], low[257] = {0}, high[257] = {0};
    uint32_t used = 0;
    for (uint32_t s = 0; s < symbols; s++)
        if (counts[s]) {
            low[(counts[s] & 255) + 1]++;
            high[(counts[s] >> 8) + 1]++;
            used++;
        }
    for (uint32_t i = 0; i < 256; i++) {
        low[i + 1] = (uint16_t)(low[i + 1] + low[i]);
        high[i + 1] = (uint16_t)(high[i + 1] + high[i]);
    }
    for (uint32_t s = 0; s < symbols; s++)
        if (counts[s])
            by_low[low[counts[s] & 255]++] = (uint16_t)s;
    for (uint32_t i = 0; i < used; i++)
        sorted[high[counts[by_low[i]] >> 8]++] = by_low[i];
    return used;
}

/* How many codes of each length an optimal code has, for at least two counts in ascending order. The two lightest nodes
 * are joined again and again: leaves and joined nodes are two queues in ascending order. */
static void count_lengths(const uint32_t *counts, const uint16_t *sorted, uint32_t used, uint32_t *of_length,
                          uint32_t most)
{
    uint32_t weight[SMALTI__HUFFMAN_SYMBOLS];
    uint16_t parent[SMALTI__HUFFMAN_SYMBOLS]; /* of joined nodes; then their depth */
    uint16_t leaf_parent[SMALTI__HUFFMAN_SYMBOLS];
    uint32_t leaf = 0, node = 0;
    for (uint32_t joined = 0; joined < used - 1; joined++) {
        weight[joined] = 0;
        for (int i = 0; i < 2; i++)
            if (leaf < used && (node == joined || counts[sorted[leaf]] <= weight[node])) {
                weight[joined] += counts[sorted[leaf]];
                leaf_parent[leaf++] = (uint16_t)joined;
            } else {
                weight[joined] += weight[node];
                parent[node++] = (uint16_t)joined;
            }
    }
    parent[used - 2] = 0;
    for (uint32_t i = used - 2; i-- > 0;)
        parent[i] = (uint16_t)(parent[parent[i]] + 1);
    for (uint32_t i = 0; i < used; i++) {
        uint32_t length = parent[leaf_parent[i]] + 1u;
        of_length[length < most ? length : most]++;
    }
}

/* Codes were cut to most bits: gives room back until the code is complete again (sum of 2^-length is 1). One unit of the
 * longest length less each time: a code of it goes beside a shorter one, which gets a bit longer itself. */
static void repair_lengths(uint32_t *of_length, uint32_t most)
{
    uint32_t sum = 0;
    for (uint32_t i = 1; i <= most; i++)
        sum += of_length[i] << (most - i);
    for (; sum > 1u << most; sum--) {
        uint32_t shorter = most - 1;
        while (!of_length[shorter])
            shorter--;
        of_length[most]--;
        of_length[shorter]--;
        of_length[shorter + 1] += 2;
    }
}

static uint32_t reverse(uint32_t code, uint32_t length)
{
    code = (code & 0x5555) << 1 | (code >> 1 & 0x5555);
    code = (code & 0x3333) << 2 | (code >> 2 & 0x3333);
    code = (code & 0x0f0f) << 4 | (code >> 4 & 0x0f0f);
    code = (code & 0x00ff) << 8 | (code >> 8 & 0x00ff);
    return code >> (16 - length);
}

/* codes[s]: bits << 8 | length, 0 for symbols that do not occur; at least two have to. */
static void make_code(const uint32_t *counts, uint32_t symbols, uint32_t most, uint8_t *lengths, uint32_t *codes)
{
    uint16_t sorted[SMALTI__HUFFMAN_SYMBOLS];
    uint32_t of_length[16] = {0}, next[17] = {0};
    uint32_t used = sort_symbols(counts, symbols, sorted), at = 0;
    count_lengths(counts, sorted, used, of_length, most);
    repair_lengths(of_length, most);
    memset(lengths, 0, symbols);
    for (uint32_t length = most; length > 0; length--)
        for (uint32_t i = 0; i < of_length[length]; i++)
            lengths[sorted[at++]] = (uint8_t)length;
    for (uint32_t length = 1; length <= most; length++)
        next[length + 1] = (next[length] + of_length[length]) << 1;
    for (uint32_t s = 0; s < symbols; s++)
        codes[s] = lengths[s] ? reverse(next[lengths[s]]++, lengths[s]) << 8 | lengths[s] : 0;
}

/* --- runs --- */

/* Symbol of a length (3…258), and the bits that follow it. */
static inline uint32_t length_symbol(uint32_t length, uint32_t *extra, uint32_t *extra_bits)
{
    uint32_t x = length - 3, shift = x < 8 ? 0 : 29 - (uint32_t)__builtin_clz(x);
    *extra_bits = length == LONGEST ? 0 : shift;
    *extra = x & ((1u << *extra_bits) - 1);
    return length == LONGEST ? 285 : x < 8 ? FIRST_LENGTH + x : 261 + 4 * shift + (x >> shift & 3);
}

/* Bit i: p[i] is p[i - 1]. */
static inline uint64_t repeats(const uint8_t *p)
{
    uint64_t mask = 0;
#if defined(__SSE2__)
    for (int i = 0; i < 4; i++) {
        __m128i here = _mm_loadu_si128((const __m128i *)(p + i * 16));
        __m128i before = _mm_loadu_si128((const __m128i *)(p + i * 16 - 1));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(here, before)) << (i * 16);
    }
#else
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(p[i] == p[i - 1]) << i;
#endif
    return mask;
}

/* Bytes from at on that are the one before it. */
static size_t run_length(const uint8_t *in, size_t at, size_t size)
{
    uint64_t pattern = in[at - 1] * 0x0101010101010101u, differs;
    size_t i = at;
    for (; i + 8 <= size; i += 8) {
        memcpy(&differs, in + i, 8);
        differs ^= pattern;
        if (differs) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return i - at + (size_t)__builtin_ctzll(differs) / 8;
#else
            return i - at + (size_t)__builtin_clzll(differs) / 8;
#endif
        }
    }
    while (i < size && in[i] == in[at - 1])
        i++;
    return i - at;
}

static void count_bytes(uint32_t *counts, const uint8_t *in, size_t size)
{
    uint32_t tables[4][256] = {0}; /* one would wait for itself when bytes repeat */
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t v = load64(in + i);
        for (int k = 0; k < 8; k++)
            tables[k & 3][v >> (k * 8) & 255]++;
    }
    for (; i < size; i++)
        tables[0][in[i]]++;
    for (i = 0; i < 256; i++)
        counts[i] = tables[0][i] + tables[1][i] + tables[2][i] + tables[3][i];
}

/* The shortest run of each byte that pays: about RUN_BITS at the cost of its literals. */
static void shortest_runs(uint16_t shortest[256], const uint32_t *counts, size_t size)
{
    for (uint32_t i = 0; i < 256; i++) {
        /* bits of a literal in quarters, rounded down: log2(size / count) from the first bits of (size / count)^4 */
        uint32_t ratio = counts[i] ? (uint32_t)(size * 16 / counts[i]) : 1u << 20,
                 log = 31 - (uint32_t)__builtin_clz(ratio);
        uint32_t quarters = (log - 4) * 4 + (ratio >> (log - 2) & 3);
        uint32_t length = quarters ? (RUN_BITS * 4 + quarters - 1) / quarters : 4 * RUN_BITS;
        shortest[i] = (uint16_t)(length > SMALTI__HUFFMAN_SHORTEST_RUN ? length : SMALTI__HUFFMAN_SHORTEST_RUN);
    }
}

static void take_run(smalti__huffman *block, size_t literals, size_t length, uint8_t byte)
{
    smalti__huffman_run *run = &block->runs[block->run_count++];
    run->literals = (uint16_t)literals;
    run->length = (uint16_t)length;
    uint32_t rest = (uint32_t)(length % LONGEST), extra, extra_bits;
    block->counts[byte] -= (uint32_t)length;
    block->counts[FIRST_LENGTH + 28] += (uint32_t)(length / LONGEST);
    if (rest < 3) {
        block->counts[byte] += rest;
    } else {
        block->counts[length_symbol(rest, &extra, &extra_bits)]++;
        block->body_bits += extra_bits + 1;
    }
    block->body_bits += (uint32_t)(length / LONGEST);
}

static void find_runs(smalti__huffman *block, const uint8_t *in, size_t size)
{
    enum { LEAST = SMALTI__HUFFMAN_SHORTEST_RUN, STEP = 64 - (LEAST - 1) };
    uint16_t shortest[256];
    shortest_runs(shortest, block->counts, size);
    size_t done = 0, at = 1; /* the first byte has none before it */
    while (at + 64 <= size) {
        uint64_t starts = repeats(in + at);
        starts &= starts >> 1; /* now of two, then of four, then of LEAST */
        starts &= starts >> 2;
        starts &= starts >> 4;
        size_t from = at;
        at += STEP;
        while (starts) {
            size_t start = from + (size_t)__builtin_ctzll(starts);
            size_t length = run_length(in, start + LEAST, size) + LEAST;
            if (length >= shortest[in[start]]) {
                take_run(block, start - done, length, in[start]);
                done = start + length;
            }
            if (start + length >= at) {
                at = start + length;
                break;
            }
            starts &= ~0ull << (start + length - from);
        }
    }
    block->runs[block->run_count++] = (smalti__huffman_run){(uint16_t)(size - done), 0};
}

/* --- a block's head --- */

static void put_head_symbol(smalti__huffman *block, uint32_t *counts, uint32_t symbol, uint32_t extra)
{
    static const uint8_t extra_bits[HEAD_SYMBOLS] = {[16] = 2, [17] = 3, [18] = 7};
    block->head[block->head_count] = (uint8_t)symbol;
    block->head_extra[block->head_count++] = (uint8_t)extra;
    block->head_bits += extra_bits[symbol];
    counts[symbol]++;
}

static const uint8_t head_order[HEAD_SYMBOLS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

/* Code lengths as runs. All length symbols and two distances are named, so that there is but one case. */
static void make_head(smalti__huffman *block)
{
    uint8_t lengths[SMALTI__HUFFMAN_SYMBOLS + 2], code_lengths[HEAD_SYMBOLS];
    uint32_t counts[HEAD_SYMBOLS] = {0}, total = sizeof lengths;
    memcpy(lengths, block->lengths, SMALTI__HUFFMAN_SYMBOLS);
    lengths[SMALTI__HUFFMAN_SYMBOLS] = lengths[SMALTI__HUFFMAN_SYMBOLS + 1] = 1; /* distance 1 is a 0, 2 a 1 */
    block->head_count = block->head_bits = 0;
    for (uint32_t i = 0, same; i < total; i += same) {
        uint32_t length = lengths[i];
        for (same = 1; i + same < total && lengths[i + same] == length;)
            same++;
        uint32_t left = same;
        if (length) {
            put_head_symbol(block, counts, length, 0);
            left--;
        }
        while (left > 2) {
            uint32_t most = length ? 6 : left > 10 ? 138 : 10, piece = left < most ? left : most;
            put_head_symbol(block, counts, length ? 16 : piece > 10 ? 18 : 17, piece - (piece > 10 ? 11 : 3));
            left -= piece;
        }
        for (; left; left--)
            put_head_symbol(block, counts, length, 0);
    }
    make_code(counts, HEAD_SYMBOLS, HEAD_CODE_MOST, code_lengths, block->head_codes);
    for (uint32_t i = 0; i < HEAD_SYMBOLS; i++)
        block->head_bits += counts[i] * code_lengths[i];
    block->head_lengths = HEAD_SYMBOLS;
    while (!code_lengths[head_order[block->head_lengths - 1]])
        block->head_lengths--;
    block->head_bits += 3 + 14 + 3 * block->head_lengths;
}

size_t smalti__huffman_plan(smalti__huffman *block, const uint8_t *in, size_t size)
{
    memset(block->counts, 0, sizeof block->counts);
    block->run_count = block->body_bits = 0;
    count_bytes(block->counts, in, size);
    find_runs(block, in, size);
    block->counts[END_OF_BLOCK] = 1;
    make_code(block->counts, SMALTI__HUFFMAN_SYMBOLS, CODE_MOST, block->lengths, block->codes);
    for (uint32_t i = 0; i < SMALTI__HUFFMAN_SYMBOLS; i++)
        block->body_bits += block->counts[i] * block->lengths[i];
    make_head(block);
    size_t bytes = ((size_t)block->head_bits + block->body_bits) / 8 + 2, stored = size + 6;
    block->stored = bytes > stored;
    return block->stored ? stored : bytes;
}

/* --- writing --- */

static inline void put_bits(smalti__huffman_bits *bits, uint64_t value, uint32_t count)
{
    bits->bits |= value << bits->count;
    bits->count += count;
}

static inline void flush_bits(smalti__huffman_bits *bits)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t v = bits->bits;
#else
    uint64_t v = __builtin_bswap64(bits->bits);
#endif
    memcpy(bits->out, &v, 8);
    bits->out += bits->count >> 3;
    bits->bits >>= bits->count & ~7u;
    bits->count &= 7;
}

static inline void put_code(smalti__huffman_bits *bits, uint32_t code)
{
    put_bits(bits, code >> 8, code & 255);
}

static void put_head(const smalti__huffman *block, smalti__huffman_bits *bits, bool last)
{
    static const uint8_t extra_bits[HEAD_SYMBOLS] = {[16] = 2, [17] = 3, [18] = 7};
    put_bits(bits, (uint64_t)last | BLOCK_DYNAMIC << 1, 3);
    put_bits(bits, SMALTI__HUFFMAN_SYMBOLS - 257, 5);
    put_bits(bits, 2 - 1, 5);
    put_bits(bits, block->head_lengths - 4, 4);
    flush_bits(bits);
    for (uint32_t i = 0; i < block->head_lengths; i++) {
        put_bits(bits, block->head_codes[head_order[i]] & 255, 3);
        flush_bits(bits);
    }
    for (uint32_t i = 0; i < block->head_count; i++) {
        put_code(bits, block->head_codes[block->head[i]]);
        put_bits(bits, block->head_extra[i], extra_bits[block->head[i]]);
        flush_bits(bits);
    }
}

static inline void put_literals(smalti__huffman_bits *bits, const uint32_t *codes, const uint8_t *in, size_t count)
{
    for (; count >= 4; count -= 4, in += 4) {
        uint32_t a = codes[in[0]], b = codes[in[1]], c = codes[in[2]], d = codes[in[3]];
        uint32_t a_count = a & 255, c_count = c & 255, ab_count = a_count + (b & 255);
        uint64_t ab = (a >> 8) | (uint64_t)(b >> 8) << a_count, cd = (c >> 8) | (uint64_t)(d >> 8) << c_count;
        put_bits(bits, ab | cd << ab_count, ab_count + c_count + (d & 255));
        flush_bits(bits);
    }
    for (; count; count--)
        put_code(bits, codes[*in++]);
    flush_bits(bits);
}

static inline void put_run(smalti__huffman_bits *bits, const uint32_t *codes, uint32_t length, uint8_t byte)
{
    for (; length >= LONGEST; length -= LONGEST) {
        put_code(bits, codes[FIRST_LENGTH + 28]);
        put_bits(bits, 0, 1);
        flush_bits(bits);
    }
    if (length >= 3) {
        uint32_t extra, extra_bits;
        put_code(bits, codes[length_symbol(length, &extra, &extra_bits)]);
        put_bits(bits, extra, extra_bits + 1); /* and the distance */
        flush_bits(bits);
        return;
    }
    for (; length; length--)
        put_code(bits, codes[byte]);
    flush_bits(bits);
}

static void put_stored(smalti__huffman_bits *bits, const uint8_t *in, size_t size, bool last)
{
    put_bits(bits, (uint64_t)last | BLOCK_STORED << 1, 3);
    bits->count = (bits->count + 7) & ~7u;
    put_bits(bits, size | (uint64_t)(size ^ 0xffff) << 16, 32);
    flush_bits(bits);
    if (size)
        memcpy(bits->out, in, size);
    bits->out += size;
}

void smalti__huffman_put(const smalti__huffman *block, smalti__huffman_bits *bits, const uint8_t *in, size_t size,
                         bool last)
{
    if (block->stored) {
        put_stored(bits, in, size, last);
        return;
    }
    put_head(block, bits, last);
    smalti__huffman_bits b = *bits; /* in registers */
    for (uint32_t i = 0; i < block->run_count; i++) {
        const smalti__huffman_run *run = &block->runs[i];
        put_literals(&b, block->codes, in, run->literals);
        in += run->literals;
        put_run(&b, block->codes, run->length, in[-1]);
        in += run->length;
    }
    put_code(&b, block->codes[END_OF_BLOCK]);
    flush_bits(&b);
    *bits = b;
}

void smalti__huffman_put_end(smalti__huffman_bits *bits, bool last)
{
    if (!last)
        put_stored(bits, NULL, 0, false);
    else if (bits->count)
        *bits->out++ = (uint8_t)bits->bits;
}
