/* SPDX-License-Identifier: Apache-2.0
 * Rules that put channels into groups. */
#ifndef SMALTI_SRC_EXR_GROUPING_H
#define SMALTI_SRC_EXR_GROUPING_H

#include "exr/exr.h"

enum { SMALTI__EXR_GROUPS = 255, SMALTI__EXR_PATTERNS = 4096, SMALTI__EXR_PATTERN_BYTES = 255 };

typedef struct smalti__exr_pattern {
    char *text; /* owned */
    uint32_t group;
    bool channel; /* matched with the channel's whole name, else with its layer's */
} smalti__exr_pattern;

struct smalti_exr_rules {
    char *names[SMALTI__EXR_GROUPS + 2]; /* owned; the group for the rest is the last before NULL */
    uint32_t group_count;                /* with the one for the rest */
    smalti__exr_pattern *patterns;       /* in the order of the groups */
    size_t pattern_count;
    bool exact_case;
};

/* Both add to rules from a whole text. */
smalti_result smalti__exr_rules_json(smalti_exr_rules *rules, const char *text, size_t size, const char *name,
                                     smalti_error *error);
smalti_result smalti__exr_rules_toml(smalti_exr_rules *rules, const char *text, size_t size, const char *name,
                                     smalti_error *error);

/* The next group; the name is copied. */
smalti_result smalti__exr_rules_group(smalti_exr_rules *rules, const char *group, size_t size, const char *name,
                                      smalti_error *error);
/* A pattern of the last group. */
smalti_result smalti__exr_rules_pattern(smalti_exr_rules *rules, bool channel, const char *pattern, size_t size,
                                        const char *name, smalti_error *error);

/* '*' for any bytes, '?' for one. */
bool smalti__exr_glob(const char *pattern, const char *text, size_t size, bool exact_case);

#endif
