/* SPDX-License-Identifier: Apache-2.0
 * What a kernel's author needs, ABI version 1. Freestanding; no libc. See docs/kernels.md.
 *
 *   the ABI            smalti_tile
 *   the descriptor     SMALTI_DESCRIBE
 *   entry points       SMALTI_POINTWISE, SMALTI_STENCIL, SMALTI_TILE, SMALTI_HALO, SMALTI_SCRATCH, SMALTI_MEASURE
 *   SIMD128            smalti_u8x16 and the like: C operators on them, and functions for what has no operator
 *   mathematics        smalti_exp, smalti_log, smalti_pow, smalti_round: the same bits everywhere
 *
 * The same source also compiles natively with -DSMALTI_NATIVE=prefix (clang or gcc): its functions are then called
 * prefix_smalti_tile, prefix_smalti_halo, prefix_smalti_init, … and its descriptor prefix_descriptor. That is for
 * measuring what the sandbox costs. Without WebAssembly and without SMALTI_NATIVE the header only declares the ABI. */
#ifndef SMALTI_KERNEL_SDK_H
#define SMALTI_KERNEL_SDK_H

#include <stddef.h>
#include <stdint.h>

/** Sample types. */
enum { SMALTI_U8 = 1, SMALTI_U16 = 2, SMALTI_F16 = 3, SMALTI_F32 = 4 };

/**
 * One call: a core rectangle of pixels and where it lies in the image. Written by the host; all pointers are the host's
 * buffers. Around the core of src lie halo pixels on each side, edges replicated. At least 64 bytes before and behind
 * every row of src (halo included) may be read, and in a row of dst everything up to dst_pitch may be written, so vector
 * loops need no tail.
 */
typedef struct smalti_tile {
    uint32_t size;         /**< bytes of this struct; it may grow at its end */
    uint32_t sample;       /**< SMALTI_U8, …: of src and dst */
    uint32_t channels;     /**< of src, interleaved: 1 gray, 2 gray+alpha, 3 RGB, 4 RGBA */
    uint32_t dst_channels; /**< of dst, as the descriptor says; 0 for a measure */
    uint32_t halo;         /**< pixels around the core of src that hold image data */
    uint32_t width, height;             /**< of the core */
    uint32_t x, y;                      /**< of the core in the image */
    uint32_t image_width, image_height; /**< of the image */
    uint32_t src_pitch, dst_pitch;      /**< bytes from a row to the next */
    const void *src;                    /**< first core pixel */
    void *dst; /**< first core pixel; the same as src for an in-place kernel; NULL for a measure */
    const double *params; /**< in the descriptor's order */
    uint32_t param_count;
    uint32_t scratch_size; /**< bytes at scratch: what smalti_scratch asked for */
    void *scratch; /**< 64-byte aligned */
} smalti_tile;

#if defined(__wasm__) || defined(SMALTI_NATIVE)

#define SMALTI_INLINE static inline __attribute__((always_inline, unused))
#define SMALTI__CAT_(a, b) a##b
#define SMALTI__CAT(a, b) SMALTI__CAT_(a, b)

#if defined(__wasm__)
#if __has_include(<wasm_simd128.h>) && defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define SMALTI__WASM_SIMD 1
#endif
#define SMALTI__EXPORT(name) __attribute__((export_name("smalti_" #name))) SMALTI__CAT(smalti_export_, name)
#define SMALTI__DESCRIBE(string) __asm__(".section .custom_section.smalti,\"\",@\n.ascii " #string "\n");
/** A variable that keeps its value from call to call, one for each instance of the kernel. */
#define SMALTI_STATIC static
#else
#if defined(__SSE2__)
#include <emmintrin.h>
#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif
#define SMALTI__SSE2 1
#endif
#define SMALTI__EXPORT(name) SMALTI__CAT(SMALTI_NATIVE, _smalti_##name)
#define SMALTI__DESCRIBE(string)                                 \
    extern const char SMALTI__CAT(SMALTI_NATIVE, _descriptor)[]; \
    const char SMALTI__CAT(SMALTI_NATIVE, _descriptor)[] = string;
#define SMALTI_STATIC static _Thread_local
#endif

/**
 * The descriptor as plain JSON, not as a string: SMALTI_DESCRIBE({"name": "invert", …}). Keys: docs/kernels.md.
 */
#define SMALTI_DESCRIBE(...) SMALTI__DESCRIBE_(#__VA_ARGS__)
#define SMALTI__DESCRIBE_(string) SMALTI__DESCRIBE(string)

/* ---- Entry points ----------------------------------------------------------------------------------------------- */

/** A sample type that the kernel does not take. */
#define SMALTI_NONE NULL

/** Row y of the core as T: from -halo to height + halo - 1 in src, from 0 to height - 1 in dst. */
#define SMALTI_SRC(T, tile, y) ((const T *)((const char *)(tile)->src + (ptrdiff_t)(y) * (ptrdiff_t)(tile)->src_pitch))
#define SMALTI_DST(T, tile, y) ((T *)((char *)(tile)->dst + (ptrdiff_t)(y) * (ptrdiff_t)(tile)->dst_pitch))

/* The function that every tile kernel exports: calls the author's for the sample type; 1 is "cannot do that". */
#define SMALTI__TILE(call, u8, u16, f32)                   \
    int32_t SMALTI__EXPORT(tile)(const smalti_tile *tile); \
    int32_t SMALTI__EXPORT(tile)(const smalti_tile *tile)  \
    {                                                      \
        switch (tile->sample) {                            \
        case SMALTI_U8:                                    \
            return call(uint8_t, u8, tile);                \
        case SMALTI_U16:                                   \
            return call(uint16_t, u16, tile);              \
        case SMALTI_F32:                                   \
            return call(float, f32, tile);                 \
        default:                                           \
            return 1;                                      \
        }                                                  \
    }

/**
 * A whole tile: f(const smalti_tile *tile) → 0, or a status of the author's.
 */
#define SMALTI_TILE(u8, u16, f32) SMALTI__TILE(SMALTI__WHOLE, u8, u16, f32)
#define SMALTI__WHOLE(T, f, tile)                               \
    __extension__({                                             \
        int32_t (*const smalti_f)(const smalti_tile *tile) = f; \
        smalti_f ? smalti_f(tile) : 1;                          \
    })

/**
 * Samples by themselves, a row at a time: f(const T *src, T *dst, size_t count, const smalti_tile *tile), count samples.
 * src and dst may be the same: put SMALTI_VECTORIZE before a loop in plain C.
 */
#define SMALTI_POINTWISE(u8, u16, f32) SMALTI__TILE(SMALTI__POINTWISE, u8, u16, f32)
#define SMALTI__POINTWISE(T, f, tile)                                                                             \
    __extension__({                                                                                               \
        void (*const smalti_f)(const T *src, T *dst, size_t count, const smalti_tile *tile) = f;                  \
        for (uint32_t y = 0; smalti_f && y < tile->height; y++)                                                   \
            smalti_f(SMALTI_SRC(T, tile, y), SMALTI_DST(T, tile, y), (size_t)tile->width * tile->channels, tile); \
        smalti_f ? 0 : 1;                                                                                         \
    })

/**
 * Samples and their neighbours, a row at a time:
 * f(const T *restrict src, ptrdiff_t pitch, T *restrict dst, size_t count, const smalti_tile *tile).
 * src[pitch] is the sample below src[0], src[tile->channels] the one to its right.
 */
#define SMALTI_STENCIL(u8, u16, f32) SMALTI__TILE(SMALTI__STENCIL, u8, u16, f32)
#define SMALTI__STENCIL(T, f, tile)                                                                            \
    __extension__({                                                                                            \
        void (*const smalti_f)(const T *restrict src, ptrdiff_t pitch, T *restrict dst, size_t count,          \
                               const smalti_tile *tile) = f;                                                   \
        for (uint32_t y = 0; smalti_f && y < tile->height; y++)                                                \
            smalti_f(SMALTI_SRC(T, tile, y), (ptrdiff_t)(tile->src_pitch / sizeof(T)), SMALTI_DST(T, tile, y), \
                     (size_t)tile->width * tile->channels, tile);                                              \
        smalti_f ? 0 : 1;                                                                                      \
    })

/** With "halo": "dynamic": f(const double *params) → pixels. */
#define SMALTI_HALO(f)                                  \
    int32_t SMALTI__EXPORT(halo)(const double *params); \
    int32_t SMALTI__EXPORT(halo)(const double *params)  \
    {                                                   \
        return f(params);                               \
    }

/** Bytes of scratch that a call with at most tile->height rows needs: f(const smalti_tile *tile) → bytes. */
#define SMALTI_SCRATCH(f)                                      \
    uint32_t SMALTI__EXPORT(scratch)(const smalti_tile *tile); \
    uint32_t SMALTI__EXPORT(scratch)(const smalti_tile *tile)  \
    {                                                          \
        return (uint32_t)(f(tile));                            \
    }

/**
 * The four entry points of a measure whose state is a T: init(T *, whole), accumulate(T *, tile),
 * merge(T *, const T *other), finish(const T *, whole, double *values), all → 0. whole describes the image and has no
 * pixels. The state is plain bytes: no pointers in it.
 */
#define SMALTI_MEASURE(T, on_init, on_accumulate, on_merge, on_finish)                     \
    int32_t SMALTI__EXPORT(init)(void *state, const smalti_tile *whole);                   \
    int32_t SMALTI__EXPORT(accumulate)(void *state, const smalti_tile *tile);              \
    int32_t SMALTI__EXPORT(merge)(void *state, const void *other);                         \
    int32_t SMALTI__EXPORT(finish)(void *state, const smalti_tile *whole, double *values); \
    int32_t SMALTI__EXPORT(init)(void *state, const smalti_tile *whole)                    \
    {                                                                                      \
        return on_init((T *)state, whole);                                                 \
    }                                                                                      \
    int32_t SMALTI__EXPORT(accumulate)(void *state, const smalti_tile *tile)               \
    {                                                                                      \
        return on_accumulate((T *)state, tile);                                            \
    }                                                                                      \
    int32_t SMALTI__EXPORT(merge)(void *state, const void *other)                          \
    {                                                                                      \
        return on_merge((T *)state, (const T *)other);                                     \
    }                                                                                      \
    int32_t SMALTI__EXPORT(finish)(void *state, const smalti_tile *whole, double *values)  \
    {                                                                                      \
        return on_finish((const T *)state, whole, values);                                 \
    }

/** Before a loop whose iterations touch different samples, though src and dst may be the same memory. */
#if defined(__clang__)
#define SMALTI_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")
#pragma STDC FP_CONTRACT OFF
#else
#define SMALTI_VECTORIZE _Pragma("GCC ivdep")
#endif

/* ---- SIMD128 ---------------------------------------------------------------------------------------------------- */
/* Vectors of 16 bytes (and 8, halves). + - * / & | ^ ~ << >> and comparisons work on them as in C, also with a scalar on
 * one side; a cast reinterprets the bits. */

typedef uint8_t smalti_u8x16 __attribute__((vector_size(16), may_alias));
typedef int8_t smalti_i8x16 __attribute__((vector_size(16), may_alias));
typedef uint16_t smalti_u16x8 __attribute__((vector_size(16), may_alias));
typedef int16_t smalti_i16x8 __attribute__((vector_size(16), may_alias));
typedef uint32_t smalti_u32x4 __attribute__((vector_size(16), may_alias));
typedef int32_t smalti_i32x4 __attribute__((vector_size(16), may_alias));
typedef float smalti_f32x4 __attribute__((vector_size(16), may_alias));
typedef uint8_t smalti_u8x8 __attribute__((vector_size(8)));
typedef uint8_t smalti_u8x4 __attribute__((vector_size(4)));
typedef uint16_t smalti_u16x4 __attribute__((vector_size(8)));

/** Loads and stores at any address. */
#define SMALTI__MEMORY(name, T)                          \
    SMALTI_INLINE T smalti_load_##name(const void *p)    \
    {                                                    \
        T v;                                             \
        __builtin_memcpy(&v, p, sizeof v);               \
        return v;                                        \
    }                                                    \
    SMALTI_INLINE void smalti_store_##name(void *p, T v) \
    {                                                    \
        __builtin_memcpy(p, &v, sizeof v);               \
    }
SMALTI__MEMORY(u8x16, smalti_u8x16)
SMALTI__MEMORY(u16x8, smalti_u16x8)
SMALTI__MEMORY(i16x8, smalti_i16x8)
SMALTI__MEMORY(i32x4, smalti_i32x4)
SMALTI__MEMORY(f32x4, smalti_f32x4)
SMALTI__MEMORY(u8x8, smalti_u8x8)
SMALTI__MEMORY(u8x4, smalti_u8x4)
SMALTI__MEMORY(u16x4, smalti_u16x4)

/** All lanes the same. */
#define smalti_splat(T, x) ((T){0} + (x))
/** Two 16-bit numbers in turn: what smalti_dot multiplies pairs by. */
SMALTI_INLINE smalti_i16x8 smalti_splat_pair(int a, int b)
{
    return (smalti_i16x8)((smalti_u32x4){0} + ((uint32_t)(uint16_t)b << 16 | (uint16_t)a));
}

/** mask ? a : b, by bits, as a T. */
#define smalti_select(T, mask, a, b) ((T)smalti__select((smalti_u8x16)(mask), (smalti_u8x16)(a), (smalti_u8x16)(b)))
SMALTI_INLINE smalti_u8x16 smalti__select(smalti_u8x16 mask, smalti_u8x16 a, smalti_u8x16 b)
{
#if SMALTI__WASM_SIMD
    return (smalti_u8x16)wasm_v128_bitselect((v128_t)a, (v128_t)b, (v128_t)mask);
#else
    return (mask & a) | (~mask & b);
#endif
}

/** The first or last half of the lanes, widened. */
SMALTI_INLINE smalti_i16x8 smalti_low_u8(smalti_u8x16 v)
{
    return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), smalti_i16x8);
}
SMALTI_INLINE smalti_i16x8 smalti_high_u8(smalti_u8x16 v)
{
    return __builtin_convertvector(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15), smalti_i16x8);
}
SMALTI_INLINE smalti_i32x4 smalti_low_u16(smalti_u16x8 v)
{
    return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3), smalti_i32x4);
}
SMALTI_INLINE smalti_i32x4 smalti_high_u16(smalti_u16x8 v)
{
    return __builtin_convertvector(__builtin_shufflevector(v, v, 4, 5, 6, 7), smalti_i32x4);
}

/** Lanes of a and b in turn, from the first or last halves. */
SMALTI_INLINE smalti_u8x16 smalti_zip_low_u8(smalti_u8x16 a, smalti_u8x16 b)
{
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
SMALTI_INLINE smalti_u8x16 smalti_zip_high_u8(smalti_u8x16 a, smalti_u8x16 b)
{
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
SMALTI_INLINE smalti_i16x8 smalti_zip_low_i16(smalti_i16x8 a, smalti_i16x8 b)
{
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
SMALTI_INLINE smalti_i16x8 smalti_zip_high_i16(smalti_i16x8 a, smalti_i16x8 b)
{
    return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/* What has no operator: one instruction each in WebAssembly and (but for the few that say so) in SSE2; lane by lane
 * elsewhere. */
#if SMALTI__WASM_SIMD
#define SMALTI__V1(T, name, A, wasm, sse, lane) \
    SMALTI_INLINE T name(A a)                   \
    {                                           \
        return (T)wasm((v128_t)a);              \
    }
#define SMALTI__V2(T, name, A, wasm, sse, lane) \
    SMALTI_INLINE T name(A a, A b)              \
    {                                           \
        return (T)wasm((v128_t)a, (v128_t)b);   \
    }
#elif SMALTI__SSE2
#define SMALTI__V1(T, name, A, wasm, sse, lane) \
    SMALTI_INLINE T name(A a)                   \
    {                                           \
        return (T)sse;                          \
    }
#define SMALTI__V2(T, name, A, wasm, sse, lane) \
    SMALTI_INLINE T name(A a, A b)              \
    {                                           \
        return (T)sse;                          \
    }
#else
#define SMALTI__V1(T, name, A, wasm, sse, lane)              \
    SMALTI_INLINE T name(A a)                                \
    {                                                        \
        T r;                                                 \
        for (size_t i = 0; i < sizeof(T) / sizeof r[0]; i++) \
            r[i] = lane;                                     \
        return r;                                            \
    }
#define SMALTI__V2(T, name, A, wasm, sse, lane)              \
    SMALTI_INLINE T name(A a, A b)                           \
    {                                                        \
        T r;                                                 \
        for (size_t i = 0; i < sizeof(T) / sizeof r[0]; i++) \
            r[i] = lane;                                     \
        return r;                                            \
    }
#endif
#define SMALTI__CLAMP(x, low, high) ((x) < (low) ? (low) : (x) > (high) ? (high) : (x))
#define SMALTI__OF(array_a, array_b, half, i) ((i) < (half) ? array_a[i] : array_b[(i) - (half)])
#define SMALTI__M(v) ((__m128i)(v))
#define SMALTI__F(v) ((__m128)(v))

/** Bytes: smaller, larger, mean rounded up, sum and difference held to 0…255. */
SMALTI__V2(smalti_u8x16, smalti_min_u8, smalti_u8x16, wasm_u8x16_min, _mm_min_epu8(SMALTI__M(a), SMALTI__M(b)),
           a[i] < b[i] ? a[i] : b[i])
SMALTI__V2(smalti_u8x16, smalti_max_u8, smalti_u8x16, wasm_u8x16_max, _mm_max_epu8(SMALTI__M(a), SMALTI__M(b)),
           a[i] > b[i] ? a[i] : b[i])
SMALTI__V2(smalti_u8x16, smalti_mean_u8, smalti_u8x16, wasm_u8x16_avgr, _mm_avg_epu8(SMALTI__M(a), SMALTI__M(b)),
           (uint8_t)((a[i] + b[i] + 1) >> 1))
SMALTI__V2(smalti_u8x16, smalti_add_sat_u8, smalti_u8x16, wasm_u8x16_add_sat, _mm_adds_epu8(SMALTI__M(a), SMALTI__M(b)),
           (uint8_t)SMALTI__CLAMP(a[i] + b[i], 0, 255))
SMALTI__V2(smalti_u8x16, smalti_sub_sat_u8, smalti_u8x16, wasm_u8x16_sub_sat, _mm_subs_epu8(SMALTI__M(a), SMALTI__M(b)),
           (uint8_t)SMALTI__CLAMP(a[i] - b[i], 0, 255))

/** 16 bits: smaller and larger (unsigned: two instructions in SSE2). */
SMALTI__V2(smalti_u16x8, smalti_min_u16, smalti_u16x8, wasm_u16x8_min,
           _mm_sub_epi16(SMALTI__M(a), _mm_subs_epu16(SMALTI__M(a), SMALTI__M(b))), a[i] < b[i] ? a[i] : b[i])
SMALTI__V2(smalti_u16x8, smalti_max_u16, smalti_u16x8, wasm_u16x8_max,
           _mm_add_epi16(SMALTI__M(b), _mm_subs_epu16(SMALTI__M(a), SMALTI__M(b))), a[i] > b[i] ? a[i] : b[i])
SMALTI__V2(smalti_i16x8, smalti_min_i16, smalti_i16x8, wasm_i16x8_min, _mm_min_epi16(SMALTI__M(a), SMALTI__M(b)),
           a[i] < b[i] ? a[i] : b[i])
SMALTI__V2(smalti_i16x8, smalti_max_i16, smalti_i16x8, wasm_i16x8_max, _mm_max_epi16(SMALTI__M(a), SMALTI__M(b)),
           a[i] > b[i] ? a[i] : b[i])

/** Products of 16-bit lanes, summed by pairs to 32 bits: the fastest exact multiplication there is. */
SMALTI__V2(smalti_i32x4, smalti_dot, smalti_i16x8, wasm_i32x4_dot_i16x8, _mm_madd_epi16(SMALTI__M(a), SMALTI__M(b)),
           a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1])

/** Two vectors into one of half the width, held to its range (to u16: a few instructions in SSE2, one in SSE4.1). */
SMALTI__V2(smalti_u8x16, smalti_narrow_u8, smalti_i16x8, wasm_u8x16_narrow_i16x8,
           _mm_packus_epi16(SMALTI__M(a), SMALTI__M(b)), (uint8_t)SMALTI__CLAMP(SMALTI__OF(a, b, 8, i), 0, 255))
SMALTI__V2(smalti_i16x8, smalti_narrow_i16, smalti_i32x4, wasm_i16x8_narrow_i32x4,
           _mm_packs_epi32(SMALTI__M(a), SMALTI__M(b)), (int16_t)SMALTI__CLAMP(SMALTI__OF(a, b, 4, i), -32768, 32767))
#if SMALTI__SSE2 && !defined(__SSE4_1__)
SMALTI_INLINE smalti_u16x8 smalti_narrow_u16(smalti_i32x4 a, smalti_i32x4 b)
{
    a &= ~(a >> 31), b &= ~(b >> 31); /* negative ones to 0, then through the signed range */
    return (smalti_u16x8)_mm_packs_epi32(SMALTI__M(a - 32768), SMALTI__M(b - 32768)) ^ 0x8000;
}
#else
SMALTI__V2(smalti_u16x8, smalti_narrow_u16, smalti_i32x4, wasm_u16x8_narrow_i32x4,
           _mm_packus_epi32(SMALTI__M(a), SMALTI__M(b)), (uint16_t)SMALTI__CLAMP(SMALTI__OF(a, b, 4, i), 0, 65535))
#endif

/** Floats: square root; smaller and larger (b when a lane of a is not a number). */
SMALTI__V1(smalti_f32x4, smalti_sqrt_f32, smalti_f32x4, wasm_f32x4_sqrt, _mm_sqrt_ps(SMALTI__F(a)),
           __builtin_sqrtf(a[i]))
#if SMALTI__WASM_SIMD
/* wasm's pmin(x, y) is y < x ? y : x, SSE's min(x, y) is x < y ? x : y. */
#define smalti__pmin(a, b) wasm_f32x4_pmin(b, a)
#define smalti__pmax(a, b) wasm_f32x4_pmax(b, a)
#endif
SMALTI__V2(smalti_f32x4, smalti_min_f32, smalti_f32x4, smalti__pmin, _mm_min_ps(SMALTI__F(a), SMALTI__F(b)),
           a[i] < b[i] ? a[i] : b[i])
SMALTI__V2(smalti_f32x4, smalti_max_f32, smalti_f32x4, smalti__pmax, _mm_max_ps(SMALTI__F(a), SMALTI__F(b)),
           a[i] > b[i] ? a[i] : b[i])
/** Whole numbers to floats. */
SMALTI_INLINE smalti_f32x4 smalti_to_f32(smalti_i32x4 v)
{
    return __builtin_convertvector(v, smalti_f32x4);
}
/** Rounded to the nearest (halves to even), for values within ±2^22; hold others to that range first. */
SMALTI_INLINE smalti_i32x4 smalti_round_f32(smalti_f32x4 v)
{
    /* Behind 1.5 × 2^23 a float has no fraction left. A conversion would take WebAssembly several instructions. */
    return (smalti_i32x4)(v + 12582912.0f) - 0x4b400000;
}

/** The sums a + b of the first or last eight bytes. */
#if SMALTI__WASM_SIMD
SMALTI_INLINE smalti_i16x8 smalti_sum_low_u8(smalti_u8x16 a, smalti_u8x16 b)
{
    return (smalti_i16x8)wasm_u16x8_extadd_pairwise_u8x16((v128_t)smalti_zip_low_u8(a, b));
}
SMALTI_INLINE smalti_i16x8 smalti_sum_high_u8(smalti_u8x16 a, smalti_u8x16 b)
{
    return (smalti_i16x8)wasm_u16x8_extadd_pairwise_u8x16((v128_t)smalti_zip_high_u8(a, b));
}
#else
SMALTI_INLINE smalti_i16x8 smalti_sum_low_u8(smalti_u8x16 a, smalti_u8x16 b)
{
    return smalti_low_u8(a) + smalti_low_u8(b);
}
SMALTI_INLINE smalti_i16x8 smalti_sum_high_u8(smalti_u8x16 a, smalti_u8x16 b)
{
    return smalti_high_u8(a) + smalti_high_u8(b);
}
#endif

/**
 * Has v computed here. Engines compute a value as late as they can, where it is stored; in a long loop body without
 * stores everything loaded is then kept until the end, and does not fit the registers. Costs a store of 16 bytes; native
 * compilers need no such help.
 */
#if SMALTI__WASM_SIMD
SMALTI_INLINE void smalti_settle_(v128_t v)
{
    static volatile v128_t sink __attribute__((unused));
    sink = v;
}
#define smalti_settle(v) smalti_settle_((v128_t)(v))
#else
#define smalti_settle(v) ((void)(v))
#endif

/** All bits set where a vector that starts with a pixel's first sample has alpha (2 and 4 channels), of that many lanes. */
SMALTI_INLINE smalti_u8x16 smalti_alpha_u8(uint32_t channels)
{
    return (smalti_u8x16)smalti_splat(smalti_u32x4, channels == 2 ? 0xff00ff00u : channels == 4 ? 0xff000000u : 0);
}
SMALTI_INLINE smalti_u16x8 smalti_alpha_u16(uint32_t channels)
{
    const uint32_t even = channels == 2 ? 0xffff0000u : 0, odd = channels == 2 || channels == 4 ? 0xffff0000u : 0;
    return (smalti_u16x8)(smalti_u32x4){even, odd, even, odd};
}
SMALTI_INLINE smalti_i32x4 smalti_alpha_f32(uint32_t channels)
{
    const int32_t even = channels == 2 ? -1 : 0, odd = channels == 2 || channels == 4 ? -1 : 0;
    return (smalti_i32x4){0, even, 0, odd};
}

/** Four samples as floats, 0…1; and back, rounded and held to the range of the type. One macro serves all types. */
SMALTI_INLINE smalti_f32x4 smalti_get_u8(const uint8_t *p)
{
    return __builtin_convertvector(smalti_load_u8x4(p), smalti_f32x4) * (1.0f / 255);
}
SMALTI_INLINE smalti_f32x4 smalti_get_u16(const uint16_t *p)
{
    return __builtin_convertvector(smalti_load_u16x4(p), smalti_f32x4) * (1.0f / 65535);
}
SMALTI_INLINE smalti_f32x4 smalti_get_f32(const float *p)
{
    return smalti_load_f32x4(p);
}
/** The same from floats that are levels already, within 0 and 2^22: 255 or 65535 and more is white. */
SMALTI_INLINE void smalti_put_levels_u8(uint8_t *p, smalti_f32x4 v)
{
    const smalti_i32x4 n = smalti_round_f32(v);
    const smalti_i16x8 half = smalti_narrow_i16(n, n);
    const smalti_u8x16 bytes = smalti_narrow_u8(half, half);
    smalti_store_u8x4(p, __builtin_shufflevector(bytes, bytes, 0, 1, 2, 3));
}
SMALTI_INLINE void smalti_put_levels_u16(uint16_t *p, smalti_f32x4 v)
{
    const smalti_i32x4 n = smalti_round_f32(v);
    const smalti_u16x8 half = smalti_narrow_u16(n, n);
    smalti_store_u16x4(p, __builtin_shufflevector(half, half, 0, 1, 2, 3));
}
SMALTI_INLINE smalti_f32x4 smalti__levels(smalti_f32x4 v, float most)
{
    return smalti_min_f32(smalti_max_f32(v * most, (smalti_f32x4){0}), smalti_splat(smalti_f32x4, most));
}
SMALTI_INLINE void smalti_put_u8(uint8_t *p, smalti_f32x4 v)
{
    smalti_put_levels_u8(p, smalti__levels(v, 255));
}
SMALTI_INLINE void smalti_put_u16(uint16_t *p, smalti_f32x4 v)
{
    smalti_put_levels_u16(p, smalti__levels(v, 65535));
}
SMALTI_INLINE void smalti_put_f32(float *p, smalti_f32x4 v)
{
    smalti_store_f32x4(p, v);
}

/**
 * A filter of colour samples by themselves from one function on four floats, f(smalti_f32x4 v, const double *params),
 * 0…1 in and out (f32: not held to that range). Takes all sample types and leaves alpha as it is. At most 16 params.
 */
#define SMALTI_POINTWISE_F32(f)      \
    SMALTI_ROW_F32(f, u8, uint8_t)   \
    SMALTI_ROW_F32(f, u16, uint16_t) \
    SMALTI_ROW_F32(f, f32, float)    \
    SMALTI_POINTWISE(smalti_row_u8, smalti_row_u16, smalti_row_f32)
/** Only smalti_row_<name>, for a kernel that has something faster for another type. */
#define SMALTI_ROW_F32(f, name, T)                                                             \
    static void smalti_row_##name(const T *src, T *dst, size_t count, const smalti_tile *tile) \
    {                                                                                          \
        const smalti_i32x4 alpha = smalti_alpha_f32(tile->channels);                           \
        double params[16] = {0};                                                               \
        for (uint32_t i = 0; i < tile->param_count && i < 16; i++)                             \
            params[i] = tile->params[i];                                                       \
        for (size_t i = 0; i < count; i += 4) {                                                \
            smalti_f32x4 v = smalti_get_##name(src + i);                                       \
            smalti_put_##name(dst + i, smalti_select(smalti_f32x4, alpha, v, f(v, params)));   \
        }                                                                                      \
    }

/* ---- Mathematics ------------------------------------------------------------------------------------------------ */

/** Rounded to the nearest (halves away from 0). */
SMALTI_INLINE int32_t smalti_round(double x)
{
    return (int32_t)(x + (x < 0 ? -0.5 : 0.5));
}
SMALTI_INLINE double smalti_clamp(double x, double low, double high)
{
    return SMALTI__CLAMP(x, low, high);
}
SMALTI_INLINE double smalti_sqrt(double x)
{
    return __builtin_sqrt(x);
}

/** e^x to about 1e-15 relative; 0 below -700, e^700 above 700. */
SMALTI_INLINE double smalti_exp(double x)
{
    if (x < -700)
        return 0;
    x = x > 700 ? 700 : x;
    const int32_t k = smalti_round(x * 1.4426950408889634);
    const double r = x - k * 0.6931471803691238 - k * 1.9082149292705877e-10; /* ln 2 in two parts */
    double sum = 1;
    for (int n = 14; n > 0; n--)
        sum = 1 + sum * r / n;
    const uint64_t bits = (uint64_t)(k + 1023) << 52;
    double scale;
    __builtin_memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}

/** ln x to about 1e-15 for normal x > 0. */
SMALTI_INLINE double smalti_log(double x)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    int32_t k = (int32_t)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    __builtin_memcpy(&x, &bits, sizeof x);
    if (x > 1.4142135623730951)
        x *= 0.5, k++;
    const double s = (x - 1) / (x + 1), square = s * s;
    double sum = 0;
    for (int n = 21; n > 0; n -= 2)
        sum = sum * square + 1.0 / n;
    return 2 * s * sum + k * 0.6931471805599453;
}

/** x^y for x >= 0. */
static __attribute__((noinline, unused)) double smalti_pow(double x, double y)
{
    return x <= 0 ? (y == 0 ? 1 : 0) : smalti_exp(y * smalti_log(x));
}

#endif
#endif
