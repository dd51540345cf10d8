/* SPDX-License-Identifier: Apache-2.0
 * A chain from inside. What chains share is counted and never changes: the image, and the steps, which are a tree whose
 * leaves the chains hold. */
#ifndef SMALTI_SRC_LAZY_H
#define SMALTI_SRC_LAZY_H

#include <smalti/chain.h>

#include <sys/stat.h>

#include "pipeline/plan.h"

/* Where the image comes from. */
typedef struct smalti__origin {
    unsigned refs; /* atomic */
    char *name;    /* owned */
    int fd;        /* a regular file, owned; −1: none */
    struct stat stat; /* of it, when the head was read */
    smalti__source kept; /* a stream that was read to its end; else zeroed */
    const void *data;    /* a file in memory, borrowed, or of kept; NULL: none */
    size_t size;
    smalti_image image; /* pixels, borrowed; no data: none */
    smalti_info info;
    smalti__shape shape; /* as stored */
} smalti__origin;

/* A step, behind those of before. */
typedef struct smalti__link {
    unsigned refs; /* atomic: chains and links behind */
    struct smalti__link *before; /* shared; NULL: none */
    size_t count;                /* of steps up to this one */
    smalti__step *step;          /* prepared; owned */
} smalti__link;

struct smalti_chain {
    smalti__origin *origin; /* shared */
    smalti__link *last;     /* shared; NULL: no steps */
    smalti_job *job;        /* for its settings; owned */
    smalti__shape shape;    /* behind the steps, upright */
    bool exact;             /* shape does not depend on pixels */
};

static inline size_t smalti__link_count(const smalti__link *last)
{
    return last ? last->count : 0;
}
/* The steps behind the first skip ones, as a flat array (free()) whose values are borrowed from the links. */
smalti_result smalti__link_steps(const smalti__link *last, size_t skip, smalti__step **steps, smalti_error *error);

#endif
