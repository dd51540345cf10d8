/* SPDX-License-Identifier: Apache-2.0
 * All kinds of steps, and what they share. */
#ifndef SMALTI_SRC_STEP_KINDS_H
#define SMALTI_SRC_STEP_KINDS_H

#include "step/flow.h"

extern const smalti__step_kind smalti__step_kernel;
extern const smalti__step_kind smalti__step_resize;
extern const smalti__step_kind smalti__step_crop;
extern const smalti__step_kind smalti__step_rotate;
extern const smalti__step_kind smalti__step_flip;
extern const smalti__step_kind smalti__step_flop;
extern const smalti__step_kind smalti__step_extend;
extern const smalti__step_kind smalti__step_trim;
extern const smalti__step_kind smalti__step_smartcrop;
extern const smalti__step_kind smalti__step_flatten;
extern const smalti__step_kind smalti__step_composite;
extern const smalti__step_kind smalti__step_blur;
extern const smalti__step_kind smalti__step_sharpen;
extern const smalti__step_kind smalti__step_modulate;
extern const smalti__step_kind smalti__step_tint;
extern const smalti__step_kind smalti__step_linear;
extern const smalti__step_kind smalti__step_gamma;
extern const smalti__step_kind smalti__step_normalise;
extern const smalti__step_kind smalti__step_threshold;
extern const smalti__step_kind smalti__step_negate;
extern const smalti__step_kind smalti__step_grayscale;
extern const smalti__step_kind smalti__step_colorspace;
extern const smalti__step_kind smalti__step_tonemap;
extern const smalti__step_kind smalti__step_lut;

/* Values of the kernel step. */
enum { SMALTI__KERNEL_MODULE, SMALTI__KERNEL_PARAMS };

/* Loads a kernel into a step's prepared, for kinds that are a kernel; params as in smalti_kernel_params_parse. */
smalti_result smalti__step_load_kernel(smalti__step *step, const smalti__step_env *env, const char *module,
                                       const char *params, smalti_error *error);
void smalti__step_discard_kernel(smalti__step *step);
smalti_result smalti__step_lower_kernel(const smalti__step *step, smalti__program *program, smalti_error *error);

/* A colour of 0xRRGGBBAA that a step fills with. Not given: transparent where the image has alpha, else the job's
 * background. */
typedef struct smalti__fill {
    uint32_t color;
    bool given;
} smalti__fill;
#define SMALTI__FILL_PARAM(summary)                                                      \
    {"background",                                                                       \
     summary ": default: transparent where the image has alpha, else output.background", \
     SMALTI_STEP_COLOR,                                                                  \
     NULL,                                                                               \
     0,                                                                                  \
     0,                                                                                  \
     0xffffff00u,                                                                        \
     NULL}
smalti__fill smalti__step_fill(const smalti__step *step, int index);
/* Makes the program's shape one that holds the colour: straight, with colours and alpha where it has some. */
smalti_result smalti__program_hold(smalti__program *program, const smalti__fill *fill, smalti_error *error);
/* Alpha as a channel of its own, not in the colours. */
smalti_result smalti__program_straight(smalti__program *program, smalti_error *error);
/* The colour as a pixel of shape. */
void smalti__fill_pixel(const smalti__fill *fill, const smalti__shape *shape, const uint8_t background[3],
                        uint8_t pixel[16]);
/* count pixels of bytes each. */
void smalti__fill_row(uint8_t *dst, const uint8_t *pixel, size_t bytes, size_t count);

/* Puts the image into a canvas of width × height, with its left upper corner at left, top; all as a person sees it. */
enum { SMALTI__PAD_FILL, SMALTI__PAD_EDGE, SMALTI__PAD_MIRROR };
smalti_result smalti__program_pad(smalti__program *program, uint64_t width, uint64_t height, uint64_t left,
                                  uint64_t top, uint32_t mode, const smalti__fill *fill, smalti_error *error);
/* Turns by any angle, into the smallest canvas that holds the image. */
smalti_result smalti__program_rotate(smalti__program *program, double angle, bool cubic, const smalti__fill *fill,
                                     smalti_error *error);
/* Scales so that the image covers width × height, and keeps the most telling part of that size. */
smalti_result smalti__program_cover(smalti__program *program, uint32_t width, uint32_t height, uint32_t strategy,
                                    smalti__filter filter, bool linear, smalti_error *error);
/* Keeps the most telling part of a size that is not larger than the image, as a person sees it. */
enum { SMALTI__SMART_ENTROPY, SMALTI__SMART_ATTENTION };
smalti_result smalti__program_smartcrop(smalti__program *program, uint32_t width, uint32_t height, uint32_t strategy,
                                        smalti_error *error);

/* Nine places, in the order of SMALTI__GRAVITIES. */
#define SMALTI__GRAVITIES "center|north|northeast|east|southeast|south|southwest|west|northwest"
enum { SMALTI__GRAVITY_COUNT = 9 };
#define SMALTI__SMART_STRATEGIES "entropy|attention"
/* Where a part of size inner lies in outer: the offset of its left or top edge, which may be negative. */
int64_t smalti__gravity_x(int gravity, int64_t outer, int64_t inner);
int64_t smalti__gravity_y(int gravity, int64_t outer, int64_t inner);

/* "WIDTHxHEIGHT", "WIDTH", "WIDTHx" or "xHEIGHT": sets the parameters of those names. */
smalti_result smalti__step_brief_size(smalti__step *step, const char *text, smalti_error *error);

#endif
