/* SPDX-License-Identifier: Apache-2.0
 * What the steps of a job come to for one image: a list of nodes, each with the shapes before and behind it. Making one
 * is cheap and touches no pixel, so it serves dry runs and memory estimates as well as the flow that runs it. */
#ifndef SMALTI_SRC_PROGRAM_H
#define SMALTI_SRC_PROGRAM_H

#include "pixel/light.h"
#include "pixel/resample.h"
#include "step/step.h"
#include "strip/chain.h"

enum { SMALTI__NODES_MAX = 4 * SMALTI__STEPS_MAX, SMALTI__NODE_PARAMS = 64 };

typedef struct smalti__node {
    const struct smalti__node_kind *kind;
    const smalti__step *step; /* that it was made for; NULL: implied */
    smalti__shape in, out;
    _Alignas(8) uint8_t params[SMALTI__NODE_PARAMS]; /* the kind's own */
} smalti__node;

/* What the samples of a program's shape mean. */
typedef enum smalti__profile { SMALTI__PROFILE_INPUT, SMALTI__PROFILE_SRGB, SMALTI__PROFILE_P3 } smalti__profile;

typedef struct smalti__program {
    smalti__shape shape;  /* behind the last node */
    uint32_t orientation; /* still to be applied to it: EXIF 1…8 */
    smalti__profile profile; /* of its colours: the input's, or that of the last colorspace step */
    bool
        unknown; /* the last node's output will be smaller than shape, by what its pixels say: nothing follows it before */
    smalti__light light; /* what its samples are, here */
    uint64_t max_pixels; /* of an image on its way; 0: no limit */
    size_t count;
    size_t kernel_count;
    const smalti__step *step; /* being lowered */
    smalti__node nodes[SMALTI__NODES_MAX];
    smalti__kernel_step kernels[SMALTI__STEPS_MAX]; /* of the kernel nodes, in order */
} smalti__program;

struct smalti__flow_setup;
struct smalti__stage;

/* A kind of node: how it is run. See flow.h for stages. */
typedef struct smalti__node_kind {
    const char *name; /* in dry runs */
    /* Memory that its stage will take. */
    smalti_result (*bytes)(const smalti__node *node, const struct smalti__flow_setup *setup, size_t *bytes,
                           smalti_error *error);
    smalti_result (*open)(const smalti__node *node, struct smalti__stage **stage,
                          const struct smalti__flow_setup *setup, smalti_error *error);
    /* Some words for a dry run ("lanczos3, linear light"); may be NULL. */
    void (*describe)(const smalti__node *node, char *out, size_t out_size);
} smalti__node_kind;

void smalti__program_init(smalti__program *program, const smalti__shape *in, uint32_t orientation, uint64_t max_pixels);
/* Lowers steps from *next on, up to a node of unknown output or the end; *next is the step after. At the end the
 * orientation is applied. */
smalti_result smalti__program_lower(smalti__program *program, const smalti__step *steps, size_t step_count,
                                    size_t *next, smalti_error *error);

/* ---- for the kinds' lower functions ---- */

/* The shape that a person sees: with the orientation applied. */
smalti__shape smalti__program_upright(const smalti__program *program);
/* Applies the orientation: for steps that cannot do without. */
smalti_result smalti__program_flush(smalti__program *program, smalti_error *error);
/* Adds a turn or mirroring (as an EXIF orientation) to what is to be applied: nothing is moved yet. */
void smalti__program_turn(smalti__program *program, uint32_t orientation);
/* Where a rectangle of the upright image lies in the image as it is. */
void smalti__program_place(const smalti__program *program, double *x, double *y, double *width, double *height);
/* Adds a node behind the last. params: of at most SMALTI__NODE_PARAMS bytes. LIMIT_PIXELS when out is too large. */
smalti_result smalti__program_add(smalti__program *program, const smalti__node_kind *kind, const void *params,
                                  size_t params_size, const smalti__shape *out, smalti_error *error);
/* Adds a kernel, to the kernel node before it where there is one. */
smalti_result smalti__program_add_kernel(smalti__program *program, const smalti__kernel_step *kernel,
                                         smalti_error *error);
/* Makes the shape have this sample type and alpha as wanted, by a conversion where it has not. */
smalti_result smalti__program_convert(smalti__program *program, const smalti__shape *to, smalti_error *error);

/* ---- node kinds ---- */

/* Kernels first…first+count-1 of the program; with none, rows pass as they are, or converted. */
typedef struct smalti__kernels_params {
    size_t first, count;
    const smalti__kernel_step *steps; /* in the program */
} smalti__kernels_params;
extern const smalti__node_kind smalti__node_kernels;

typedef struct smalti__scale_params {
    double x, y, width, height; /* of the image before it */
    smalti__filter filter;
    bool linear;
} smalti__scale_params;
extern const smalti__node_kind smalti__node_scale;

typedef struct smalti__crop_params {
    uint32_t x, y; /* width and height are those of the shape behind it */
} smalti__crop_params;
extern const smalti__node_kind smalti__node_crop;

extern const smalti__node_kind smalti__node_orient; /* params: uint32_t, the EXIF orientation */
extern const smalti__node_kind smalti__node_convert; /* no params */

/* The size that a decoder's image must at least have for the first node to lose nothing, when that node is a scaling;
 * else false. */
bool smalti__program_reducible(const smalti__program *program, uint32_t *width, uint32_t *height);
/* Tells a reducible program that the decoder delivers delivered instead. */
void smalti__program_reduced(smalti__program *program, const smalti__shape *delivered, uint32_t divisor);
/* Whether a node gives its rows on as they are. */
bool smalti__node_passes(const smalti__node *node);

#endif
