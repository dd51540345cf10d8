/* SPDX-License-Identifier: Apache-2.0
 * Filtering and scoring of PNG rows in vectors of any width: included by one file for each instruction set, which
 * defines vec (the type), VEC_TARGET (the functions' attribute) and VEC_… (its operations on bytes). */

/* |x - y| of unsigned bytes */
VEC_TARGET static inline vec distance(vec x, vec y)
{
    return VEC_OR(VEC_SUBS(x, y), VEC_SUBS(y, x));
}

/* All in bytes: with pa = |up - up_left| and pb = |left - up_left|, the third distance |left + up - 2 up_left| is their
 * sum when left and up lie on the same side of up_left, else their difference. A sum that saturates is still no smaller
 * than either of the two, which is all that counts. */
VEC_TARGET static inline vec paeth(vec left, vec up, vec up_left)
{
    vec pa = distance(up, up_left), pb = distance(left, up_left);
    vec left_above = VEC_EQ(VEC_MAX(left, up_left), left), up_above = VEC_EQ(VEC_MAX(up, up_left), up);
    vec pc = VEC_BLEND(distance(pa, pb), VEC_ADDS(pa, pb), VEC_EQ(left_above, up_above));
    vec least = VEC_MIN(VEC_MIN(pa, pb), pc);
    vec up_or_corner = VEC_BLEND(up_left, up, VEC_EQ(pb, least));
    return VEC_BLEND(up_or_corner, left, VEC_EQ(pa, least));
}

/* The instruction rounds up, PNG rounds down. */
VEC_TARGET static inline vec average(vec left, vec up)
{
    return VEC_SUB(VEC_AVG(left, up), VEC_AND(VEC_XOR(left, up), VEC_SET1(1)));
}

VEC_TARGET static inline vec load(const uint8_t *p, bool swap)
{
    return swap ? VEC_SWAP16(VEC_LOAD(p)) : VEC_LOAD(p);
}

VEC_TARGET static inline __attribute__((always_inline)) void
filter_vector(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t bpp, bool swap)
{
    vec x = load(src, swap);
    switch (filter) {
    case SMALTI__PNG_SUB:
        x = VEC_SUB(x, load(src - bpp, swap));
        break;
    case SMALTI__PNG_UP:
        x = VEC_SUB(x, load(prev, swap));
        break;
    case SMALTI__PNG_AVERAGE:
        x = VEC_SUB(x, average(load(src - bpp, swap), load(prev, swap)));
        break;
    case SMALTI__PNG_PAETH:
        x = VEC_SUB(x, paeth(load(src - bpp, swap), load(prev, swap), load(prev - bpp, swap)));
        break;
    default:
        break;
    }
    VEC_STORE(dst, x);
}

VEC_TARGET static inline __attribute__((always_inline)) void
filter_loop(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size, size_t bpp, bool swap)
{
    size_t i = size < bpp + sizeof(vec) ? size : bpp, last = size - sizeof(vec);
    smalti__png_filter_range(filter, dst, src, prev, 0, i, bpp, swap);
    if (i == size)
        return;
    for (; i < last; i += sizeof(vec))
        filter_vector(filter, dst + i, src + i, prev + i, bpp, swap);
    /* the last vector lies against the row's end, over the one before */
    filter_vector(filter, dst + last, src + last, prev + last, bpp, swap);
}

/* One loop for each filter: the switch stands outside of it once filter is a constant. */
VEC_TARGET static void filter_rows(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size,
                                   size_t bpp, bool swap)
{
    switch (filter) {
    case SMALTI__PNG_SUB:
        filter_loop(SMALTI__PNG_SUB, dst, src, prev, size, bpp, swap);
        break;
    case SMALTI__PNG_UP:
        filter_loop(SMALTI__PNG_UP, dst, src, prev, size, bpp, swap);
        break;
    case SMALTI__PNG_AVERAGE:
        filter_loop(SMALTI__PNG_AVERAGE, dst, src, prev, size, bpp, swap);
        break;
    case SMALTI__PNG_PAETH:
        filter_loop(SMALTI__PNG_PAETH, dst, src, prev, size, bpp, swap);
        break;
    default:
        filter_loop(SMALTI__PNG_NONE, dst, src, prev, size, bpp, swap);
    }
}

/* Sums of the magnitudes of signed bytes, in 64-bit lanes. */
VEC_TARGET static inline vec magnitude(vec sum, vec rest)
{
    return VEC_ADD64(sum, VEC_SAD(VEC_ABS(rest), VEC_ZERO()));
}

VEC_TARGET static void score_rows(uint64_t score[SMALTI__PNG_FILTER_COUNT], const uint8_t *src, const uint8_t *prev,
                                  size_t size, size_t bpp, bool swap, size_t stride)
{
    enum { BLOCK = SMALTI__PNG_SCORE_BLOCK };
    vec sums[SMALTI__PNG_FILTER_COUNT];
    for (int filter = 0; filter < SMALTI__PNG_FILTER_COUNT; filter++) {
        sums[filter] = VEC_ZERO();
        score[filter] = 0;
    }
    if (size < bpp + BLOCK)
        smalti__png_score_range(score, src, prev, 0, size, bpp, swap);
    for (size_t block = bpp; block + BLOCK <= size; block += BLOCK * stride)
        for (size_t i = block; i < block + BLOCK; i += sizeof(vec)) {
            vec x = load(src + i, swap), up = load(prev + i, swap);
            vec left = load(src + i - bpp, swap), up_left = load(prev + i - bpp, swap);
            sums[0] = magnitude(sums[0], x);
            sums[1] = magnitude(sums[1], VEC_SUB(x, left));
            sums[2] = magnitude(sums[2], VEC_SUB(x, up));
            sums[3] = magnitude(sums[3], VEC_SUB(x, average(left, up)));
            sums[4] = magnitude(sums[4], VEC_SUB(x, paeth(left, up, up_left)));
        }
    for (int filter = 0; filter < SMALTI__PNG_FILTER_COUNT; filter++) {
        uint64_t lanes[sizeof(vec) / 8];
        VEC_STORE((uint8_t *)lanes, sums[filter]);
        for (size_t lane = 0; lane < sizeof(vec) / 8; lane++)
            score[filter] += lanes[lane];
    }
}
