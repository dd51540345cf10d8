/* SPDX-License-Identifier: Apache-2.0
 * SipHash-2-4-128 after Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), with the 128-bit finish of the
 * authors' reference description. */
#include "kernel/siphash.h"

#include <string.h>

typedef struct state {
    uint64_t a, b, c, d;
} state;

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void rounds(state *s, int count)
{
    for (int i = 0; i < count; i++) {
        s->a += s->b, s->c += s->d;
        s->b = rotate(s->b, 13) ^ s->a, s->d = rotate(s->d, 16) ^ s->c;
        s->a = rotate(s->a, 32);
        s->c += s->b, s->a += s->d;
        s->b = rotate(s->b, 17) ^ s->c, s->d = rotate(s->d, 21) ^ s->a;
        s->c = rotate(s->c, 32);
    }
}

static inline uint64_t load(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline void store(uint8_t *p, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static inline void absorb(state *s, uint64_t word)
{
    s->d ^= word;
    rounds(s, 2);
    s->a ^= word;
}

static inline uint64_t squeeze(state *s)
{
    rounds(s, 4);
    return s->a ^ s->b ^ s->c ^ s->d;
}

void smalti__siphash128(const uint8_t key[16], const void *data, size_t size, uint8_t out[16])
{
    const uint8_t *at = data;
    uint64_t k0 = load(key), k1 = load(key + 8);
    state s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261,
               k1 ^ 0x7465646279746573};
    size_t left = size;
    for (; left >= 8; left -= 8, at += 8)
        absorb(&s, load(at));
    uint8_t tail[8] = {0};
    if (left)
        memcpy(tail, at, left);
    tail[7] = (uint8_t)size;
    absorb(&s, load(tail));
    s.c ^= 0xee;
    store(out, squeeze(&s));
    s.b ^= 0xdd;
    store(out + 8, squeeze(&s));
}
