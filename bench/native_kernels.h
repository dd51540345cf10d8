/* SPDX-License-Identifier: Apache-2.0
 * The shipped kernels that the benchmarks also have compiled into them, at two levels of x86-64. */
#ifndef SMALTI_BENCH_NATIVE_KERNELS_H
#define SMALTI_BENCH_NATIVE_KERNELS_H

#include "kernel/instance.h"

static const char *const variant_names[] = {"wasm", "x86-64", "x86-64-v3"};
enum { WASM, X64, V3, VARIANTS };

struct subject {
    const char *name, *params;
    const char *descriptor;
    smalti__native native[VARIANTS]; /* none for WASM */
};

#define FUNCTIONS(prefix) {prefix##_smalti_tile, NULL, NULL}
#define FUNCTIONS_WIDE(prefix) {prefix##_smalti_tile, prefix##_smalti_halo, prefix##_smalti_scratch}
#define DECLARE(id)                                   \
    extern const char x64_##id##_descriptor[];        \
    int32_t x64_##id##_smalti_tile(const void *tile); \
    int32_t v3_##id##_smalti_tile(const void *tile);
#define DECLARE_WIDE(id)                                  \
    DECLARE(id)                                           \
    int32_t x64_##id##_smalti_halo(const double *params); \
    int32_t v3_##id##_smalti_halo(const double *params);  \
    uint32_t x64_##id##_smalti_scratch(const void *tile); \
    uint32_t v3_##id##_smalti_scratch(const void *tile);
#define SUBJECT(name, id, params)                        \
    {                                                    \
        name, params, x64_##id##_descriptor,             \
        {                                                \
            {0}, FUNCTIONS(x64_##id), FUNCTIONS(v3_##id) \
        }                                                \
    }
#define SUBJECT_WIDE(name, id, params)                             \
    {                                                              \
        name, params, x64_##id##_descriptor,                       \
        {                                                          \
            {0}, FUNCTIONS_WIDE(x64_##id), FUNCTIONS_WIDE(v3_##id) \
        }                                                          \
    }

DECLARE(grayscale)
DECLARE(invert)
DECLARE(brightness_contrast)
DECLARE(convolve3x3)
DECLARE(sobel)
DECLARE(median)
DECLARE_WIDE(gaussian_blur)
DECLARE_WIDE(sharpen)
DECLARE_WIDE(box_blur)
static const struct subject subjects[] = {
    SUBJECT("grayscale", grayscale, ""),
    SUBJECT("invert", invert, ""),
    SUBJECT("brightness-contrast", brightness_contrast, "brightness=0.1,contrast=0.2"),
    SUBJECT_WIDE("gaussian-blur", gaussian_blur, "sigma=2"),
    SUBJECT_WIDE("sharpen", sharpen, ""),
    SUBJECT("convolve3x3", convolve3x3, ""),
    SUBJECT("convolve3x3", convolve3x3, "k0=1,k1=2,k2=1,k3=2,k4=4,k5=2,k6=1,k7=2,k8=1,divisor=16"),
    SUBJECT("sobel", sobel, ""),
    SUBJECT("median", median, ""),
    SUBJECT_WIDE("box-blur", box_blur, "radius=2"),
};

/* A processor without AVX2 has one variant less. */
static inline int variants_here(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? VARIANTS : V3;
}

#endif
