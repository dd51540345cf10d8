/* SPDX-License-Identifier: Apache-2.0
 * Whether a search for matches would pay for some filtered rows: looks for what repeats in one of eight bytes of them. */
#include "encode/png.h"

enum {
    WORD = 8,
    TABLE_BITS = 12, /* holds more words than the window of deflate */
    WINDOW = 32768,
    SPACING = 16, /* of the words that are looked for */
    SAMPLE = 128,
    SAMPLE_EVERY = 4096,
    ALL_MOST = 16384, /* a sample of less says little */
    SIZE_MOST = SPACING << 16, /* words are numbered in 16 bits; what is behind is as what is before */
    MATCH_BITS = 24,        /* about what a match costs */
    RARE_BITS = 12,         /* of bytes without a code */
};

static uint64_t word_at(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, WORD);
    return v;
}

static uint32_t slot_of(uint64_t word)
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return (uint32_t)(word * 0x9e3779b97f4a7c15u >> (64 - TABLE_BITS));
}

/* Runs are for nothing: the other coder has them too. */
static bool is_run(uint64_t word)
{
    return (word << 8 | (word & 255)) == word;
}

typedef struct search {
    const uint8_t *in;
    size_t size;
    uint8_t bits[256]; /* of each literal */
    uint64_t literal_bits, saved_bits;
    uint16_t words[1 << TABLE_BITS]; /* number of the last word with that hash, at multiples of SPACING; 0: none */
} search;

static void add_words(search *s, size_t from, size_t to)
{
    for (size_t at = from; at < to; at += SPACING) {
        uint64_t word = word_at(s->in + at);
        if (!is_run(word))
            s->words[slot_of(word)] = (uint16_t)(at / SPACING);
    }
}

/* Bytes from other on, which repeat at at, not beyond end. */
static size_t match_length(const search *s, size_t at, size_t other, size_t end)
{
    size_t i = 0;
    while (at + i < end && s->in[at + i] == s->in[other + i])
        i++;
    return i;
}

static void look_up(search *s, size_t from, size_t to)
{
    size_t done = from; /* literals up to there have been counted */
    for (size_t at = from; at < to;) {
        uint64_t word = word_at(s->in + at);
        if (is_run(word)) {
            done = at += WORD;
            continue;
        }
        size_t other = (size_t)s->words[slot_of(word)] * SPACING;
        if (!other || other >= at || at - other > WINDOW || word_at(s->in + other) != word) {
            s->literal_bits += s->bits[s->in[at++]];
            continue;
        }
        size_t end = at + match_length(s, at, other, to);
        uint64_t bits = 0, before = 0;
        for (size_t i = at; i < end; i++)
            bits += s->bits[s->in[i]];
        s->literal_bits += bits;
        /* the word that was found need not be where the match begins */
        for (size_t i = at, j = other; i > done && j > 0 && s->in[i - 1] == s->in[j - 1]; i--, j--)
            before += s->bits[s->in[i - 1]];
        if (bits + before > MATCH_BITS)
            s->saved_bits += bits + before - MATCH_BITS;
        done = at = end;
    }
}

uint32_t smalti__png_repeats(const uint8_t *in, size_t size, const uint8_t *literal_bits)
{
    search s = {.in = in, .size = size < SIZE_MOST ? size : SIZE_MOST};
    for (uint32_t i = 0; i < 256; i++)
        s.bits[i] = literal_bits[i] ? literal_bits[i] : RARE_BITS;
    size_t step = s.size < ALL_MOST ? SAMPLE : SAMPLE_EVERY;
    for (size_t at = SPACING; at + step + WORD <= s.size; at += step) {
        size_t sample = at + step - SAMPLE;
        add_words(&s, at, sample);
        look_up(&s, sample, sample + SAMPLE);
        add_words(&s, sample, sample + SAMPLE);
    }
    return s.literal_bits ? (uint32_t)(s.saved_bits * 1000 / s.literal_bits) : 0;
}
