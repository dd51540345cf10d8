/* SPDX-License-Identifier: Apache-2.0
 * From error maps to one number: the published weights of SSIMULACRA 2.1 (tuned by its author on CID22, TID2013,
 * KADID-10k and KonFiG-IQA) and its mapping to 100 … -∞. */
#ifndef SMALTI_SRC_SCORE_WEIGHTS_H
#define SMALTI_SRC_SCORE_WEIGHTS_H

#include "score/rows.h"

/* Scales from 1:1 to 1:16. The method has a sixth, of whose weights none is above 0.0014. */
enum { SMALTI__SCORE_SCALES = 5, SMALTI__SCORE_COMPONENTS = 3 };

typedef struct smalti__score_weight {
    double mean[SMALTI__SCORE_MAPS];  /* of the 1-norm */
    double norm4[SMALTI__SCORE_MAPS]; /* of the 4-norm */
} smalti__score_weight;

/* Of X, Y, B. 0 also where the published weight is below 0.0025: leaving out those 27 of 52 saves most of
 * the work at full size, and moves scores by about 0.001 (the 24 Kodak images at six JPEG qualities). */
extern const smalti__score_weight smalti__score_weights[SMALTI__SCORE_COMPONENTS][SMALTI__SCORE_SCALES];

/* The last step: a weighted sum of errors to the score. */
double smalti__score_map(double errors);

#endif
