/* SPDX-License-Identifier: Apache-2.0
 * One axis of a scaling: which input samples make an output sample, and with what weights. */
#ifndef SMALTI_SRC_RESAMPLE_AXIS_H
#define SMALTI_SRC_RESAMPLE_AXIS_H

#include "pixel/resample.h"

enum { SMALTI__AXIS_BLOCK = 16 };

/* Cosines and sines of the angles from a sample to the next ones, of Lanczos' two sines. */
typedef struct smalti__axis_turns {
    double cosine[SMALTI__AXIS_BLOCK + 1], sine[SMALTI__AXIS_BLOCK + 1];
    double slow_cosine[SMALTI__AXIS_BLOCK + 1], slow_sine[SMALTI__AXIS_BLOCK + 1];
} smalti__axis_turns;

typedef struct smalti__axis {
    uint32_t in, out;
    smalti__filter filter;
    bool same;              /* output o is input shift + o */
    uint32_t shift;
    double origin, scale;   /* output o is centred at origin + (o + 0.5) scale of the input */
    double stretch;         /* of the filter: scale, at least 1 */
    double support;         /* radius of the stretched filter */
    uint32_t taps; /* the most weights that an output has */
    smalti__axis_turns turns; /* after smalti__axis_turn */
} smalti__axis;

/* extent > 0 samples from origin on, inside 0…in. */
smalti__axis smalti__axis_make(uint32_t in, uint32_t out, double origin, double extent, smalti__filter filter);
/* Makes ready for smalti__axis_weights. */
void smalti__axis_turn(smalti__axis *axis);

/* The sample nearest to the centre of output o. */
uint32_t smalti__axis_nearest(const smalti__axis *axis, uint32_t o);
/* Samples of the input that may have weight in output o: from *first up to but without *end. */
void smalti__axis_window(const smalti__axis *axis, uint32_t o, uint32_t *first, uint32_t *end);
/* The weights of output o from sample *first on, *count of them, 1 to taps; they are to be divided by their sum, which is
 * returned. Of a reduction they are those of the window; else zeros at the ends are left out. weights: room for taps. */
double smalti__axis_weights(const smalti__axis *axis, uint32_t o, double *weights, uint32_t *first, uint32_t *count);

/* Weights divided by their sum, times 2^bits; their sum is exactly that. false when one does not fit. *positive: the sum of
 * those above 0. */
bool smalti__axis_round(const double *weights, uint32_t count, double sum, uint32_t bits, int16_t *rounded,
                        uint32_t *positive);

#endif
