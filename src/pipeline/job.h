/* SPDX-License-Identifier: Apache-2.0
 * The job from inside. */
#ifndef SMALTI_SRC_PIPELINE_JOB_H
#define SMALTI_SRC_PIPELINE_JOB_H

#include <smalti/job.h>

#include "base/base.h"
#include "step/step.h"

typedef struct smalti__input {
    const char *path;
    const char *name;   /* what the output's name is made of: a relative path ("2024/a.jpg") */
    const char *output; /* where its output goes; NULL: as the job's output says */
    const char *id;     /* what the caller calls its task; NULL: nothing */
    char *texts;        /* the block that all four lie in; owned by the list of a job */
    int fd;             /* −1: open path */
    /* What is in memory already, borrowed; then path is only its name. */
    const void *data; /* a file's bytes */
    size_t size;
    size_t memory_bytes; /* that the bytes take of a run's budget */
    const smalti_image *image;
    struct smalti__target *target; /* where its output goes, whatever the job says; borrowed; NULL: that */
} smalti__input;

/* How EXIF, XMP and ICC go from input to output. */
enum { SMALTI__METADATA_ICC, SMALTI__METADATA_ALL, SMALTI__METADATA_NONE };

/* What smalti_job_set sets; the table of keys in job_keys.c says where each lies and what it may be. */
typedef struct smalti__settings {
    /* input */
    bool lenient;
    bool orient;
    bool recursive;
    uint64_t frames; /* SMALTI__FRAMES_* */
    char *part, *layer, *view; /* of an EXR file; NULL: the first, the one that viewers show */
    uint64_t level;
    bool preview, flatten_deep, contact_sheet;
    uint64_t sheet_cell; /* 0: usual */
    /* output */
    char *dir, *file, *template_text, *format;
    uint64_t quality; /* 0: the format's own */
    uint64_t subsampling; /* 0: the format's own */
    bool progressive, optimize, lossless;
    uint64_t png_effort, webp_effort, avif_effort;
    uint64_t colors, dither; /* of a palette PNG; 0 colours: no palette */
    uint64_t tiff_compression;
    uint64_t exr_compression, exr_samples; /* SMALTI__EXR_SAMPLES_* */
    uint64_t depth; /* bits of samples: 8, 16; 0: as the input has, and the format can */
    uint64_t max_bytes, target_quality; /* 0: none */
    char *set;    /* several outputs: "widths=320,640:formats=webp,avif" */
    char *preset; /* thumbnail, avatar, hero, social, web */
    bool overwrite, skip_existing;
    uint64_t metadata;
    uint64_t background; /* 0xRRGGBB */
    /* limits */
    uint64_t limits; /* SMALTI__LIMITS_*: what those that are 0 below come to */
    uint64_t pixels, frames_max, metadata_bytes, ratio, task_ms;
    uint64_t kernel_ms, kernel_memory, compile_ms;
} smalti__settings;

enum { SMALTI__EXR_SAMPLES_AUTO, SMALTI__EXR_SAMPLES_HALF, SMALTI__EXR_SAMPLES_FLOAT };
enum { SMALTI__FRAMES_FIRST, SMALTI__FRAMES_ALL };
enum { SMALTI__LIMITS_STANDARD, SMALTI__LIMITS_STRICT, SMALTI__LIMITS_LENIENT };

/* What holds for inputs, after the preset: 0 is no limit. */
typedef struct smalti__limits {
    uint64_t pixels;         /* of an image, on its way too */
    uint32_t frames;         /* of an animation */
    size_t metadata_bytes;   /* of a block */
    uint64_t ratio;          /* decoded bytes to bytes of the file */
    uint64_t task_ms;
} smalti__limits;

smalti__limits smalti__settings_limits(const smalti__settings *settings);

struct smalti_job {
    const smalti__input *inputs; /* in the list */
    size_t input_count;
    struct smalti__input_list *input_list; /* shared with plans; in inputs.c */
    bool has_tasks; /* some input has an id or an output of its own */
    smalti__step *steps; /* not prepared */
    size_t step_count;
    smalti__settings settings;
};

/* A copy: plans own one. NULL: no memory. */
smalti_job *smalti__job_copy(const smalti_job *job);

/* Adds an input whose texts are copied; what is in memory is not taken over. In inputs.c. */
smalti_result smalti__job_input_append(smalti_job *job, const smalti__input *input, smalti_error *error);
/* The same after checks, for what others call a task: name may be left out. */
smalti_result smalti__job_task_append(smalti_job *job, const smalti__input *task, smalti_error *error);
void smalti__job_inputs_share(smalti_job *job, const smalti_job *from);
void smalti__job_inputs_clear(smalti_job *job);

/* The kind of that name; or INVALID_KEY, with a list of those there are. */
smalti_result smalti__job_step_kind(const char *name, const smalti__step_kind **kind, smalti_error *error);
/* Behind the setting of a step's values, which gave result: checks it and adds it to the job. Clears it either way. */
smalti_result smalti__job_step_take(smalti_job *job, smalti__step *step, smalti_result result, smalti_error *error);
/* "output.qualty" is not a key: names those of its section, or the sections. */
smalti_result smalti__job_unknown_key(const char *section, size_t section_size, const char *name, smalti_error *error);

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
