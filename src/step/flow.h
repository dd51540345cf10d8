/* SPDX-License-Identifier: Apache-2.0
 * A program running over the rows of one image: each node has a stage that takes rows and gives rows to the next.
 *
 *     decoder ──rows──▶ [stage of node 0] ──rows──▶ [stage of node 1] ──rows──▶ emit (encoder, or other flows)
 *
 * Rows are pushed in order and borrowed during the call; nothing is held whole but by stages that cannot do without (a
 * turn, a trim), which account for it. What comes out does not depend on how rows are grouped. */
#ifndef SMALTI_SRC_FLOW_H
#define SMALTI_SRC_FLOW_H

#include "pixel/color.h"
#include "step/program.h"

typedef struct smalti__flow_setup {
    const smalti__step *steps; /* prepared; borrowed while the flow lives, as everything here */
    size_t step_count;
    smalti__shape in;      /* as stored, before any reduction */
    smalti__shape pushed;  /* the rows that come: in, or what a reducing decoder delivers */
    uint32_t reduced;      /* what a reducing decoder divides by; 0: as the sizes say */
    smalti__light light;   /* what its samples are */
    smalti_sample shown;   /* linear light is encoded for a screen, to samples of this type; 0: it stays linear */
    bool lit;              /* what comes out is to be linear light */
    uint32_t orientation;  /* to be applied: EXIF 1…8 */
    uint32_t strip_rows;   /* 0: chosen */
    uint64_t max_pixels;   /* of any image on its way; 0: no limit */
    uint8_t background[3]; /* for flattening alpha */
    bool rows_stay;        /* see chain.h; only where smalti__flow_can_stay */
    const void *icc; /* the input's profile; NULL: it has none, and is sRGB */
    size_t icc_size;
    smalti__color_cache *colors; /* the thread's; NULL: none */
    smalti__pool *pool;
    smalti_stats *stats; /* kernel_ns, step_ns, strips, copied_*, converted_bytes and halo_bytes are added to */
    const smalti__stop *stop;
    /* Once, before the first row is emitted: last is what the steps make, *out (the same at first) what rows are to be
     * converted to. May be NULL. */
    smalti_result (*begin)(void *user, const smalti__shape *last, smalti__shape *out, smalti_error *error);
    smalti__rows_fn emit; /* NULL: only measures are wanted */
    /* A step turned out to need more memory than smalti__flow_bytes said: may it have so much more? NULL: yes. */
    smalti_result (*more)(void *user, size_t bytes, smalti_error *error);
    void *user;
} smalti__flow_setup;

typedef struct smalti__flow smalti__flow;

/* The whole program of a setup, a step of unknown output taken at its largest. *program is filled in. */
smalti_result smalti__flow_program(const smalti__flow_setup *setup, smalti__program *program, smalti_error *error);
/* An upper bound of the memory that a program's stages take, with the conversion to out at its end. */
smalti_result smalti__flow_bytes(const smalti__flow_setup *setup, const smalti__program *program,
                                 const smalti__shape *out, size_t *bytes, smalti_error *error);
/* Rows of a strip at the head of a program. */
uint32_t smalti__flow_strip_rows(const smalti__flow_setup *setup, const smalti__program *program);
/* Whether a flow of this program can have rows_stay. */
bool smalti__flow_can_stay(const smalti__program *program);

smalti_result smalti__flow_open(const smalti__flow_setup *setup, smalti__flow **flow, smalti_error *error);
void smalti__flow_close(smalti__flow *flow); /* NULL is fine */
/* Where the next rows are to be written: at most *rows of them (never more than the image has left), 64-byte aligned. */
void smalti__flow_space(smalti__flow *flow, void **dst, size_t *pitch, uint32_t *rows);
/* rows of them have been written there. With the image's last row everything is emitted. */
smalti_result smalti__flow_commit(smalti__flow *flow, uint32_t rows, smalti_error *error);
/* The same for rows that lie elsewhere. */
smalti_result smalti__flow_push(smalti__flow *flow, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error);

/* After the last row, for each measuring kernel in order: fn is called with its values. */
typedef smalti_result (*smalti__measure_fn)(void *user, const smalti_kernel_info *info, const double *values,
                                            smalti_error *error);
smalti_result smalti__flow_measures(smalti__flow *flow, smalti__measure_fn fn, void *user, smalti_error *error);

/* Of one stage of kernels. */
smalti_result smalti__kernels_measures(const struct smalti__stage *stage, smalti__measure_fn fn, void *user,
                                       smalti_error *error);

/* ---- stages ---- */

typedef struct smalti__stage smalti__stage;

typedef struct smalti__stage_ops {
    smalti_result (*push)(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count, smalti_error *error);
    void (*close)(smalti__stage *stage); /* frees the stage too */
    /* Both or none: the stage has memory for rows that come to it first. */
    void (*space)(smalti__stage *stage, void **dst, size_t *pitch, uint32_t *rows);
    smalti_result (*commit)(smalti__stage *stage, uint32_t rows, smalti_error *error);
} smalti__stage_ops;

/* Stands first in every stage. */
struct smalti__stage {
    const smalti__stage_ops *ops;
    const smalti__node *node;
    const smalti__flow_setup *setup;
    smalti__flow *flow; /* set by the flow, as is index */
    size_t index;
};

/* Gives rows of node->out to what follows. */
smalti_result smalti__stage_emit(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                                 smalti_error *error);
/* The same as a smalti__rows_fn: user is the stage. */
smalti_result smalti__stage_emit_rows(void *stage, const void *rows, size_t pitch, uint32_t count, smalti_error *error);
/* Of a node of unknown output, before it emits: says what the output is; what follows is made for it. */
smalti_result smalti__stage_shape(smalti__stage *stage, const smalti__shape *out, smalti_error *error);
/* For open functions: a zeroed stage of size bytes, with its head filled in; NULL and an error. */
void *smalti__stage_new(size_t size, const smalti__stage_ops *ops, const smalti__node *node,
                        const smalti__flow_setup *setup, smalti_error *error);

/* Rows that fill a cache-sized strip of a shape, 8 to 64, at most its height; or requested, when that is not 0. */
uint32_t smalti__strip_rows(const smalti__shape *shape, uint32_t requested);
/* Bytes from a row to the next in a buffer of ours. */
size_t smalti__row_pitch(const smalti__shape *shape);

/* ---- a stage that needs its whole input ---- */

/* Works on the frame (in node->in; it may be changed) and emits. */
typedef smalti_result (*smalti__frame_fn)(smalti__stage *stage, uint8_t *frame, size_t pitch, smalti_error *error);
/* Bytes of the frame, with one strip of the output, which smalti__frame_strip gives. */
smalti_result smalti__frame_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                  smalti_error *error);
smalti_result smalti__frame_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                 smalti__frame_fn work, smalti_error *error);
/* In work: a buffer for *rows rows of node->out. */
uint8_t *smalti__frame_strip(smalti__stage *stage, size_t *pitch, uint32_t *rows);

/* ---- a stage that makes rows one by one from as many rows of the same width ---- */

/* One row of node->in to one of node->out. state is what the stage keeps: zeroed when it is opened. */
typedef void (*smalti__row_fn)(const smalti__stage *stage, const void *state, const void *src, void *dst);
/* A strip of the output and the state. */
smalti_result smalti__rows_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t state_bytes,
                                 size_t *bytes, smalti_error *error);
smalti_result smalti__rows_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                smalti__row_fn row, size_t state_bytes, smalti_error *error);
void *smalti__rows_state(smalti__stage *stage);

#endif
