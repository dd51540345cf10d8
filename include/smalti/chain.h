/* SPDX-License-Identifier: Apache-2.0
 * Chains: one image, steps added one by one, and outputs. Nothing is decoded before an output is written; then rows go
 * through all steps, a strip at a time, as in a job (job.h). Branches that share steps share the work.
 *
 *     smalti_chain *photo, *small;
 *     smalti_chain_open("photo.jpg", NULL, &photo, &error);          // reads the head
 *     smalti_chain_step(photo, "rotate", "90", &error);              // for both
 *     smalti_chain_clone(photo, &small, &error);
 *     smalti_chain_step(small, "resize", "320x320:fit=cover", &error);
 *     smalti_chain_output outputs[] = {{.size = sizeof *outputs, .chain = photo, .path = "photo.avif"},
 *                                      {.size = sizeof *outputs, .chain = small, .path = "small.webp"}};
 *     smalti_chain_write(outputs, 2, NULL, NULL, &error);            // decodes and turns once
 *     smalti_chain_free(small);
 *     smalti_chain_free(photo);
 *
 * Threads: one chain is for one thread at a time; its clones may be used in other threads at the same time. */
#ifndef SMALTI_CHAIN_H
#define SMALTI_CHAIN_H

#include <smalti/job.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An image on its way: where it comes from, the steps so far, and settings. */
typedef struct smalti_chain smalti_chain;

/* ---- opening: the head is read, nothing is decoded ---- */

/**
 * A file; "-" is standard input. A regular file stays open until the last chain over it is freed, and is read again by
 * each write; one that was changed since is an error there (IO_CHANGED). Anything else, such as a pipe, is read to its end
 * now. Of the options (NULL: the defaults) that reading uses cancel and memory_bytes, of which it may take half. Limits on
 * the image are checked by writes. *chain is owned on success: smalti_chain_free. Errors: FORMAT_*, UNSUPPORTED, IO, LIMIT
 * (a pipe with too much in it), CANCELLED, NOMEM.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_open(const char *path, const smalti_run_options *options,
                                                             smalti_chain **chain, smalti_error *error);

/** The same for a descriptor, which may be closed when this returns. A regular file is read from its start by pread
 * (descriptor 0: from where it is). name stands in messages. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_open_fd(int fd, const char *name,
                                                                const smalti_run_options *options, smalti_chain **chain,
                                                                smalti_error *error);

/** A file in memory. data is borrowed, and may not change, until the last chain over it is freed. name stands in messages.
 * Errors: as above. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_open_memory(const void *data, size_t size, const char *name,
                                                                    smalti_chain **chain, smalti_error *error);

/** Pixels. The struct is copied; its data is borrowed, and may not change, until the last chain over it is freed. Errors:
 * INVALID (no image can be like this), NOMEM. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_open_image(const smalti_image *image, smalti_chain **chain,
                                                                   smalti_error *error);

/**
 * A branch: the same image, steps and settings; what is added to one of them afterwards, the other does not get. It costs
 * next to nothing: image, steps and the kernels that they loaded are shared. *copy is owned on success: smalti_chain_free, in
 * any order. Errors: NOMEM.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_clone(const smalti_chain *chain, smalti_chain **copy,
                                                              smalti_error *error);

SMALTI_API void smalti_chain_free(smalti_chain *chain); /**< NULL is fine */

/* ---- what is known without decoding ---- */

/** What the head says: the image as it is stored, whatever steps there are. Of pixels: format is empty. A view, valid until
 * the last chain over the image is freed. */
SMALTI_API const smalti_info *smalti_chain_info(const smalti_chain *chain);

/** Columns and rows behind the steps so far; without any, of the image upright. Either pointer may be NULL. Returns false when
 * that depends on what the pixels say (a trim): then it is the most that can come out, and no more is known before the run. */
SMALTI_API bool smalti_chain_size(const smalti_chain *chain, uint32_t *width, uint32_t *height);

/* ---- settings and steps ---- */

/**
 * Sets one value by its key in a job (docs/job.md): "output.format", "output.quality", "output.metadata", "limits.pixels",
 * "limits.preset", "input.frames", …; those that name a job's files are refused. Settings of the output hold for everything
 * that this chain writes. Settings of the input come before the first step; they and limits have to be the same in all
 * chains that are written together. Errors: INVALID_KEY, INVALID_TYPE, INVALID_RANGE, INVALID_CONFLICT (too late).
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_set(smalti_chain *chain, const char *key, const char *value,
                                                            smalti_error *error);

/**
 * Adds a step, of any kind that smalti_step_describe tells: "resize", "800x600:fit=cover"; params as for smalti_job_step_add.
 * Its names and values are checked, kernels and files that it names are loaded, and the shape that comes out is worked out;
 * no pixel is touched. After an error the chain is as before. Errors: INVALID, INVALID_KEY, INVALID_TYPE, INVALID_RANGE,
 * LIMIT_PIXELS (the image would be too large), LIMIT (more than 64 steps), KERNEL_*, IO, NOMEM.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_step(smalti_chain *chain, const char *name, const char *params,
                                                             smalti_error *error);

/** Adds a kernel: a module's file, or the name of one that ships. params: "name=value,…" or NULL. Errors: as above. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_kernel(smalti_chain *chain, const char *module,
                                                               const char *params, smalti_error *error);

/** Adds a resize, in pixels, that keeps the ratio of the sides: the largest image that fits. 0 for one of them leaves that
 * side free. Errors: as above. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_resize(smalti_chain *chain, uint32_t width, uint32_t height,
                                                               smalti_error *error);

/* ---- outputs ---- */

/** Takes the bytes of an encoded output, in order, one call at a time but perhaps from another thread of the run. A result
 * below 0 (SMALTI_E_IO, mostly) ends the run with that code. data is borrowed during the call. */
typedef smalti_result (*smalti_chain_write_fn)(void *user, const void *data, size_t size);

/** One output of a chain: exactly one of path, write, data and image is given. */
typedef struct smalti_chain_output {
    size_t size; /**< sizeof(smalti_chain_output) */
    const smalti_chain *chain; /**< borrowed during the call */
    /** A file, which appears whole or not at all; "-" is standard output. Its format is the chain's "output.format", else by
     * the extension. Folders that are missing are made. */
    const char *path;
    /** Bytes as they are made. Those of a format that is completed at its end (TIFF, animated WebP) come at the end, from a
     * temporary file. What came before an error is to be thrown away. */
    smalti_chain_write_fn write;
    void *user; /**< handed to write */
    /** An encoded file in memory: *data is owned by the caller on success (free()), and *data_size its bytes. Without
     * "output.format" it is in the input's own format, or PNG; so is that of write. */
    void **data;
    size_t *data_size;
    /** Pixels in the input's samples: owned by the caller on success (smalti_image_free). */
    smalti_image *image;
} smalti_chain_output;

/**
 * Writes outputs of one image, 1 to 64 of them. It is decoded once, and the steps that all of their chains have in common
 * (those from before they were cloned) are done once. The options are those of a job's run: memory budget, strips, cancel
 * (from any thread, in the middle), events (one task; outputs that are no file have no name in them), jobs (with more than
 * one, encoders and decoders may have threads of their own). The budget holds decoder, steps, encoders and pixels; encoded
 * outputs in memory come on top. *stats may be NULL.
 *
 * All or nothing: when anything fails, no file has changed, and nothing is stored through data and image. (A rename that
 * fails at the very end can leave files that were renamed before it.) Chains are not changed and may be written again.
 *
 * Errors: INVALID (chains over different images, none or several destinations), INVALID_CONFLICT (two outputs of one name,
 * an output over its input without "output.overwrite", different limits), FORMAT_*, UNSUPPORTED, LIMIT_*, NOMEM, IO_*,
 * KERNEL_*, CANCELLED, and what a write function returns.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_write(const smalti_chain_output *outputs, size_t count,
                                                              const smalti_run_options *options, smalti_stats *stats,
                                                              smalti_error *error);

/** A single output: a file. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_write_file(const smalti_chain *chain, const char *path,
                                                                   const smalti_run_options *options,
                                                                   smalti_error *error);

/** A single output: an encoded file in memory, owned by the caller on success: free(). */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_write_memory(const smalti_chain *chain, void **data,
                                                                     size_t *size, const smalti_run_options *options,
                                                                     smalti_error *error);

/** A single output: pixels, owned by the caller on success: smalti_image_free. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_chain_write_image(const smalti_chain *chain, smalti_image *image,
                                                                    const smalti_run_options *options,
                                                                    smalti_error *error);

#ifdef __cplusplus
}
#endif
#endif
