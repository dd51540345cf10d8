/* SPDX-License-Identifier: Apache-2.0
 * Putting one image over another. */
#ifndef SMALTI_SRC_STEP_COMPOSITE_H
#define SMALTI_SRC_STEP_COMPOSITE_H

#include "step/program.h"

/* Constant, shared by all tasks. */
typedef struct smalti__overlay {
    smalti_image image; /* RGBA */
    bool gray;          /* red, green and blue are the same */
} smalti__overlay;

#define SMALTI__BLENDS "over|multiply|screen|add|darken|lighten"
enum {
    SMALTI__BLEND_OVER,
    SMALTI__BLEND_MULTIPLY,
    SMALTI__BLEND_SCREEN,
    SMALTI__BLEND_ADD,
    SMALTI__BLEND_DARKEN,
    SMALTI__BLEND_LIGHTEN
};

typedef struct smalti__composite_params {
    const smalti__overlay *overlay;
    int64_t x, y; /* of its left upper corner in the image; it may lie outside */
    bool tile;    /* repeated to all sides from there */
    float opacity;
    uint32_t blend;
} smalti__composite_params;
/* Rows stream through; those that nothing lies over as they are. */
extern const smalti__node_kind smalti__node_composite;

#endif
