/* SPDX-License-Identifier: Apache-2.0
 * The job from inside. */
#ifndef SMALTI_SRC_PIPELINE_JOB_H
#define SMALTI_SRC_PIPELINE_JOB_H

#include <smalti/job.h>

#include "base/base.h"

typedef struct smalti__input {
    char *path;
    char *name; /* what the output's name is made of: a relative path ("2024/a.jpg") */
    int fd;     /* −1: open path */
} smalti__input;

typedef struct smalti__job_step {
    char *module;
    char *params; /* "name=value,…", or NULL */
} smalti__job_step;

/* How EXIF, XMP and ICC go from input to output. */
enum { SMALTI__METADATA_ICC, SMALTI__METADATA_ALL, SMALTI__METADATA_NONE };

/* What smalti_job_set sets; the table of keys in job_keys.c says where each lies and what it may be. */
typedef struct smalti__settings {
    /* input */
    bool lenient;
    bool orient;
    bool recursive;
    /* output */
    char *dir, *file, *template_text, *format;
    uint64_t quality, subsampling, png_effort;
    bool overwrite, skip_existing;
    uint64_t metadata;
    uint64_t background; /* 0xRRGGBB */
    /* limits */
    uint64_t pixels, metadata_bytes, kernel_ms, kernel_memory, compile_ms;
} smalti__settings;

struct smalti_job {
    smalti__input *inputs;
    size_t input_count, input_room;
    smalti__job_step *steps;
    size_t step_count;
    smalti__settings settings;
};

/* A copy: plans own one. NULL: no memory. */
smalti_job *smalti__job_copy(const smalti_job *job);
smalti_result smalti__job_input_append(smalti_job *job, const char *path, const char *name, int fd,
                                       smalti_error *error);

/* ---- the table of keys ---- */

typedef enum smalti__key_type {
    SMALTI__KEY_TEXT,
    SMALTI__KEY_BOOL,
    SMALTI__KEY_NUMBER,
    SMALTI__KEY_CHOICE,
    SMALTI__KEY_COLOR
} smalti__key_type;

typedef struct smalti__key {
    const char *section, *name;
    smalti__key_type type;
    size_t offset;    /* in smalti__settings */
    uint64_t min, max;
    const char *choices; /* CHOICE: names separated by '|', the value is the index; NUMBER: the only values, or NULL */
} smalti__key;

extern const smalti__key smalti__keys[];
extern const size_t smalti__key_count;

void smalti__settings_default(smalti__settings *settings);
void smalti__settings_clear(smalti__settings *settings);
const smalti__key *smalti__key_find(const char *section, size_t section_size, const char *name);
/* The value as text; source stands in messages. */
smalti_result smalti__key_set(smalti__settings *settings, const smalti__key *key, const char *text,
                              smalti_error *error);
/* A value as text (perhaps in out, 32 bytes are enough); NULL when it is the default. */
const char *smalti__key_text(const smalti__settings *settings, const smalti__key *key, char *out, size_t out_size);

#endif
