/* SPDX-License-Identifier: Apache-2.0
 * How much memory a lossless image (RFC 9649, section 3) takes libwebp: twenty bits of a file can demand 20 KB of Huffman
 * tables, so what stands in front of the pixels is walked through to count them. Nothing is kept but numbers. */
#include "decode/webp.h"

enum {
    LENGTHS = 24,    /* prefixes of lengths, behind 256 literals */
    DISTANCES = 40,  /* prefixes of distances */
    LITERALS = 256,
    MOST_CACHE_BITS = 11,
    MOST_SYMBOLS = LITERALS + LENGTHS + (1 << MOST_CACHE_BITS),
    MOST_BITS = 15,  /* of a code */
    CODES = 5,       /* green and lengths, red, blue, alpha, distances */
    GROUPS = 65536
};

typedef struct prefix_code {
    uint16_t count[MOST_BITS + 1]; /* by length */
    uint16_t symbol[MOST_SYMBOLS]; /* in the order of their codes */
    uint32_t used;                 /* 1: a symbol that takes no bits */
} prefix_code;

typedef struct lossless_walk {
    const uint8_t *data;
    uint64_t at, size; /* bits */
    bool bad; /* ended or malformed: libwebp goes no further either */
    uint32_t cache_bits;
    prefix_code code[CODES];
    uint8_t lengths[MOST_SYMBOLS];
    uint64_t seen[GROUPS / 64]; /* bit sets of the groups that the image of groups names */
} lossless_walk;

static uint32_t peek(const lossless_walk *walk)
{
    uint32_t value = 0;
    for (uint64_t i = 0, byte = walk->at / 8; i < 4 && byte + i < (walk->size + 7) / 8; i++)
        value |= (uint32_t)walk->data[byte + i] << (8 * i);
    return value >> (walk->at % 8);
}

/* Up to 24 bits; 0 behind the end. */
static uint32_t take(lossless_walk *walk, uint32_t count)
{
    if (count > walk->size - walk->at) {
        walk->bad = true;
        walk->at = walk->size;
        return 0;
    }
    uint32_t value = peek(walk) & ((1u << count) - 1);
    walk->at += count;
    return value;
}

static uint32_t take_symbol(lossless_walk *walk, const prefix_code *code)
{
    if (code->used == 1)
        return code->symbol[0];
    uint32_t bits = peek(walk), value = 0, first = 0, index = 0;
    for (uint32_t length = 1; length <= MOST_BITS; length++, bits >>= 1) {
        value |= bits & 1;
        uint32_t count = code->count[length];
        if (value < first + count) {
            take(walk, length);
            return code->symbol[index + value - first];
        }
        index += count;
        first = (first + count) << 1;
        value <<= 1;
    }
    walk->bad = true;
    return 0;
}

/* The canonical code of walk->lengths. */
static void make_code(lossless_walk *walk, prefix_code *code, uint32_t symbols)
{
    uint32_t start[MOST_BITS + 2] = {0};
    memset(code->count, 0, sizeof code->count);
    for (uint32_t i = 0; i < symbols; i++)
        code->count[walk->lengths[i]]++;
    code->used = symbols - code->count[0];
    code->count[0] = 0;
    for (uint32_t length = 1; length <= MOST_BITS; length++)
        start[length + 1] = start[length] + code->count[length];
    for (uint32_t i = 0; i < symbols; i++)
        if (walk->lengths[i])
            code->symbol[start[walk->lengths[i]]++] = (uint16_t)i;
    walk->bad |= !code->used;
}

/* Code lengths that are themselves coded (3.7.2.1.2). */
static void take_lengths(lossless_walk *walk, prefix_code *code, uint32_t symbols)
{
    static const uint8_t order[] = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    uint32_t count = take(walk, 4) + 4;
    for (uint32_t i = 0; i < count && i < sizeof order; i++)
        walk->lengths[order[i]] = (uint8_t)take(walk, 3);
    make_code(walk, code, sizeof order);
    memset(walk->lengths, 0, sizeof walk->lengths);
    uint32_t most = symbols;
    if (take(walk, 1)) {
        uint32_t bits = 2 + 2 * take(walk, 3);
        most = 2 + take(walk, bits);
    }
    uint8_t previous = 8;
    for (uint32_t i = 0; i < symbols && most && !walk->bad; most--) {
        uint32_t length = take_symbol(walk, code);
        if (length < 16) {
            walk->lengths[i++] = (uint8_t)length;
            previous = length ? (uint8_t)length : previous;
            continue;
        }
        uint32_t repeat = length == 16 ? 3 + take(walk, 2) : length == 17 ? 3 + take(walk, 3) : 11 + take(walk, 7);
        if (repeat > symbols - i) {
            walk->bad = true;
            break;
        }
        memset(walk->lengths + i, length == 16 ? previous : 0, repeat);
        i += repeat;
    }
}

static void take_code(lossless_walk *walk, prefix_code *code, uint32_t symbols)
{
    memset(walk->lengths, 0, sizeof walk->lengths);
    if (take(walk, 1)) {
        bool two = take(walk, 1);
        walk->lengths[take(walk, take(walk, 1) ? 8 : 1)] = 1;
        if (two)
            walk->lengths[take(walk, 8)] = 1;
    } else {
        take_lengths(walk, code, symbols);
    }
    make_code(walk, code, symbols);
}

static void take_codes(lossless_walk *walk)
{
    uint32_t green = LITERALS + LENGTHS + (walk->cache_bits ? 1u << walk->cache_bits : 0);
    for (uint32_t i = 0; i < CODES && !walk->bad; i++)
        take_code(walk, &walk->code[i], i == 0 ? green : i == 4 ? DISTANCES : LITERALS);
}

static void take_cache_bits(lossless_walk *walk)
{
    walk->cache_bits = take(walk, 1) ? take(walk, 4) : 0;
    walk->bad |= walk->cache_bits > MOST_CACHE_BITS;
}

static uint32_t take_prefixed(lossless_walk *walk, uint32_t prefix)
{
    if (prefix < 4)
        return prefix + 1;
    uint32_t extra = (prefix - 2) >> 1;
    return ((2 + (prefix & 1)) << extra) + take(walk, extra) + 1;
}

/* An image inside the image (3.7.3). Its pixels are literals, and copies of literals, of which groups notes red and green. */
static void skip_image(lossless_walk *walk, uint64_t pixels, bool groups)
{
    take_cache_bits(walk);
    take_codes(walk);
    while (pixels && !walk->bad) {
        uint64_t before = walk->at;
        uint32_t symbol = take_symbol(walk, &walk->code[0]), count = 1;
        if (symbol < LITERALS) {
            uint32_t red = take_symbol(walk, &walk->code[1]), group = red << 8 | symbol;
            take_symbol(walk, &walk->code[2]);
            take_symbol(walk, &walk->code[3]);
            if (groups)
                walk->seen[group / 64] |= 1ull << (group % 64);
        } else if (symbol < LITERALS + LENGTHS) {
            count = take_prefixed(walk, symbol - LITERALS);
            take_prefixed(walk, take_symbol(walk, &walk->code[4]));
        } else if (groups) {
            walk->seen[0] |= 1; /* nothing put there yet: 0 */
        }
        walk->bad |= count > pixels;
        pixels -= count;
        if (walk->at ==
            before) /* it goes on like this to the end, without a bit: a few bytes can mean millions of pixels */
            break;
    }
}

static uint64_t blocks(uint32_t width, uint32_t height, uint32_t bits)
{
    uint64_t side = 1u << bits;
    return (width + side - 1) / side * ((height + side - 1) / side);
}

/* Groups of codes: as many as the largest number says, or, where those are many, as are named. */
static uint64_t count_groups(const lossless_walk *walk)
{
    enum { RENUMBERED = 1000 };
    uint64_t named = 0, largest = 0;
    for (uint32_t i = 0; i < GROUPS / 64; i++) {
        named += (uint64_t)__builtin_popcountll(walk->seen[i]);
        if (walk->seen[i])
            largest = i * 64 + 64 - (uint64_t)__builtin_clzll(walk->seen[i]);
    }
    return largest > RENUMBERED ? named : largest;
}

/* Behind the transforms: returns the bytes of their data; *width gets that of packed pixels. */
static uint64_t skip_transforms(lossless_walk *walk, uint32_t *width, uint32_t height)
{
    enum { PREDICTORS, COLORS, GREEN, PALETTE };
    uint64_t bytes = 0;
    uint32_t seen = 0;
    while (!walk->bad && take(walk, 1)) {
        uint32_t type = take(walk, 2);
        walk->bad |= seen >> type & 1;
        seen |= 1u << type;
        if (walk->bad || type == GREEN)
            continue;
        if (type == PALETTE) {
            uint32_t colors = take(walk, 8) + 1, bits = colors > 16 ? 0 : colors > 4 ? 1 : colors > 2 ? 2 : 3;
            skip_image(walk, colors, false);
            *width = (*width + (1u << bits) - 1) >> bits;
            bytes += 2 * LITERALS * 4;
            continue;
        }
        uint64_t pixels = blocks(*width, height, take(walk, 3) + 2);
        skip_image(walk, pixels, false);
        bytes += pixels * 4;
    }
    return bytes;
}

/* From libwebp's vp8l_dec.c: the pixels, 17 rows of cache, transforms, the image of groups, and for each group its tables of
 * two levels: 2,956 entries of 4 bytes and those of the colour cache. */
size_t smalti__webp_lossless_bytes(const uint8_t *data, size_t size, uint32_t width, uint32_t height)
{
    enum {
        TABLES = 256 * 1024,
        ENTRIES = 2956,
        ENTRY = 4,
        GROUP = 640,
        ROWS = 17,
        ROW_EXTRA = 48,
        RENUMBERING = GROUPS * 4
    };
    lossless_walk *walk = calloc(1, sizeof *walk);
    if (!walk)
        return SIZE_MAX; /* is refused */
    walk->data = data;
    walk->size = (uint64_t)size * 8;
    uint32_t packed = width;
    uint64_t bytes = TABLES + RENUMBERING + (uint64_t)width * (ROWS * 4 + ROW_EXTRA), groups = 1;
    bytes += skip_transforms(walk, &packed, height);
    bytes += (uint64_t)packed * height * 4;
    take_cache_bits(walk);
    uint32_t cache_bits = walk->bad ? 0 : walk->cache_bits;
    if (!walk->bad && take(walk, 1)) {
        uint64_t pixels = blocks(packed, height, take(walk, 3) + 2);
        skip_image(walk, pixels, true);
        bytes += pixels * 4;
        groups = walk->bad ? 1 : count_groups(walk);
    }
    bytes += groups * (GROUP + (ENTRIES + (1u << cache_bits)) * ENTRY) + (8u << cache_bits);
    free(walk);
    return bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
}
