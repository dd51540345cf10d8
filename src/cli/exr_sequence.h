/* SPDX-License-Identifier: Apache-2.0
 * Sequences of frames: how names are taken apart, and what frames have in common. */
#ifndef SMALTI_CLI_EXR_SEQUENCE_H
#define SMALTI_CLI_EXR_SEQUENCE_H

#include "cli/exr.h"

/* One property of a file by hashes: of its name and part, and of its value. */
typedef struct exr_property {
    uint64_t key, value;
} exr_property;

typedef struct exr_frame {
    const char *path;   /* a view */
    size_t number_at;   /* in path: where the number begins, with its sign; the end of the path when there is none */
    size_t number_size; /* bytes of it */
    int64_t number;
    bool numbered;
    bool leading_zero; /* the number is padded for certain */
    /* what was found */
    uint64_t bytes;
    smalti_result result; /* of reading it */
    smalti_exr_verdict verdict;
    char *message; /* what is wrong with it, without the file's name; owned, may be NULL */
    exr_property *properties; /* owned */
    uint32_t property_count;
} exr_frame;

/* Takes a path apart: the last number of its name that is not a version (behind a 'v'), as in "shot_v02.-0012.exr". */
void exr_frame_split(const char *path, exr_frame *frame);
/* By folder and name around the number, then by number, then by the name: for qsort. */
int exr_frame_compare(const void *a, const void *b);
/* Whether two frames are of one sequence. */
bool exr_frame_together(const exr_frame *a, const exr_frame *b);
/* Whether a path is a pattern: "shot.####.exr", "shot.%04d.exr", "shot.@@@@.exr". Then *frame is taken apart there. */
bool exr_frame_pattern(const char *path, exr_frame *frame);
/* "shot.####.exr" for a sequence of frames; '#' for numbers without padding. */
void exr_frame_pattern_text(const exr_frame *frames, size_t count, cli_buffer *out);
/* Digits (with a sign) that the numbers are padded to; 0: they are not padded. */
uint32_t exr_frame_padding(const exr_frame *frames, size_t count);

/* Fills in properties from the open file. false: no memory. */
bool exr_properties_collect(const smalti_exr_header *header, exr_frame *frame);

/* A property whose value is not the same in all frames. */
typedef struct exr_drift {
    uint64_t key;
    uint64_t expected;     /* the value of most frames; 0: that it is not there */
    size_t expected_frame; /* one that has it */
    size_t outlier_count;
    size_t *outliers; /* indices of frames with other values, in their order; owned */
    bool varies;      /* too many values for one to be the right one: outliers is empty */
} exr_drift;

/* What differs in frames that could be read. *drifts is owned: exr_drifts_free. false: no memory. */
bool exr_drifts_find(const exr_frame *frames, size_t count, exr_drift **drifts, size_t *drift_count);
void exr_drifts_free(exr_drift *drifts, size_t count);

/* The name of a property of the open file ("compression", "part 2 channels", "attribute owner") and its value for people.
 * false: the file has none of that key. */
bool exr_property_text(const smalti_exr_header *header, uint64_t key, cli_buffer *name, cli_buffer *value);
uint64_t exr_property_value(const exr_frame *frame, uint64_t key); /* 0: none */

/* ---- One sequence ---- */

typedef struct exr_sequence {
    const exr_frame *frames; /* in their order */
    size_t count;
    int64_t first, last;
    uint64_t step;
    uint64_t holes; /* frames that are not there */
    size_t duplicates, empty, unreadable, unfinished, truncated, damaged;
    exr_drift *drifts; /* owned */
    size_t drift_count, drifting; /* properties; those of them that have outliers */
    uint64_t median_bytes;
    size_t odd_sizes;
} exr_sequence;

/* How sequences are told. */
typedef struct exr_tell {
    bool json, bad_only, ignore_holes, ignore_duplicates, ignore_drift, ignore_sizes;
    smalti_exr *exr; /* for texts that are read again; owned by the command */
    cli_buffer out;
    size_t problems; /* of all sequences */
} exr_tell;

bool exr_frame_is_empty(const exr_frame *frame);
bool exr_frame_is_odd(const exr_sequence *sequence, const exr_frame *frame); /* its size */
/* Fills in all but frames and count. false: no memory. */
bool exr_sequence_judge(exr_sequence *sequence);
size_t exr_sequence_problems(const exr_tell *state, const exr_sequence *sequence);
/* Judges frames that are a sequence, and writes what is to be said of them to standard output. */
void exr_sequence_tell(exr_tell *state, const exr_frame *frames, size_t count);

#endif
