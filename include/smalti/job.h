/* SPDX-License-Identifier: Apache-2.0
 * The job: inputs, steps, output. One JSON document (docs/job.md), the same for the command line, the library and every
 * place where a job can run. A plan is a checked, constant job, ready to run; a task is one input of it. */
#ifndef SMALTI_JOB_H
#define SMALTI_JOB_H

#include <smalti/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A job being put together. Not for two threads at once. */
typedef struct smalti_job smalti_job;

/** An empty job. Owned: smalti_job_free. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_new(smalti_job **job, smalti_error *error);

/**
 * A job from JSON text; name stands in messages. Unknown keys, wrong types and values out of range are errors that name
 * the key. *job is owned on success. Errors: INVALID_*, NOMEM.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_parse(const char *json, size_t size, const char *name,
                                                            smalti_job **job, smalti_error *error);

/**
 * The same from an open file, pipe or memfd, read from where it is to its end. "tasks" are read one by one: neither their
 * text nor a tree of them is held, so that memory is what the job itself takes. fd is borrowed. Errors: INVALID_*, LIMIT
 * (a task of 1 MiB, or 256 MiB of all else), IO, NOMEM.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_read_fd(int fd, const char *name, smalti_job **job,
                                                              smalti_error *error);

SMALTI_API void smalti_job_free(smalti_job *job); /**< NULL is fine */

/** The job as JSON text. *json is owned on success: free(). */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_print(const smalti_job *job, char **json, smalti_error *error);

/** Adds one input file as it is ("-": standard input). */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_input_add(smalti_job *job, const char *path, smalti_error *error);

/**
 * Adds inputs by name: a file, a folder (its images; with recursive also those below, keeping the folders in output
 * names) or a glob pattern ('*', '?', '[…]', and "**" for any folders). Sorted. A file that is not there is an input too:
 * its task will fail. Errors: IO (a folder cannot be read), INVALID (a folder or pattern without images).
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_input_expand(smalti_job *job, const char *name, bool recursive,
                                                                   smalti_error *error);

/** Adds an open file as input. The descriptor is borrowed until the run ends and read from its start by pread
 * (descriptor 0: from where it is); a pipe is read to its end. name stands in messages and makes the output's name. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_input_add_fd(smalti_job *job, int fd, const char *name,
                                                                   smalti_error *error);

/**
 * Adds one input file as it is, with a name of the caller's for its task and a file that its output goes to. id comes back in
 * every event of the task; output is a path as it is, whose ending says the format unless output.format does; either may be
 * NULL. The tasks of a job name their outputs all or none; output.dir, output.file and output.set cannot be given beside
 * them. smalti_plan_new refuses two tasks of one id. Errors: INVALID (an empty text, or the output "-"), NOMEM.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_task_add(smalti_job *job, const char *id, const char *input,
                                                               const char *output, smalti_error *error);

/** How many inputs the job has. */
SMALTI_API size_t smalti_job_input_count(const smalti_job *job);

/** Name of an input by its index in the job, as it stands in events. A view, valid until the job changes; NULL past the
 * end. */
SMALTI_API const char *smalti_job_input_name(const smalti_job *job, size_t index);

/** The id that an input's task was given. A view, valid until the job changes; NULL: none, or past the end. */
SMALTI_API const char *smalti_job_input_id(const smalti_job *job, size_t index);

/** Adds a kernel step. params: "name=value,…" or NULL. The kernel is loaded and its parameters are checked by
 * smalti_plan_new. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_kernel_add(smalti_job *job, const char *module,
                                                                 const char *params, smalti_error *error);

/** What the value of a step's parameter is. In JSON: numbers, true or false, and strings for the last three. */
typedef enum smalti_step_type {
    SMALTI_STEP_NUMBER, /**< in min…max */
    SMALTI_STEP_INTEGER, /**< whole, in min…max */
    SMALTI_STEP_FLAG, /**< true or false */
    SMALTI_STEP_CHOICE, /**< one of choices */
    SMALTI_STEP_COLOR, /**< "RRGGBB" or "RRGGBBAA" */
    SMALTI_STEP_TEXT /**< a text; a file's path, mostly */
} smalti_step_type;

/** A parameter of a step. Static. */
typedef struct smalti_step_param {
    const char *name;
    const char *summary;
    smalti_step_type type;
    const char *unit; /**< "px", "%", …; NULL: none */
    double min, max; /**< of NUMBER and INTEGER, inclusive */
    double def; /**< default of NUMBER, INTEGER, FLAG (0 or 1), CHOICE (an index) and COLOR (0xRRGGBBAA) */
    const char *choices; /**< of CHOICE: names with '|' between them; else NULL */
} smalti_step_param;

/** A kind of step. Static. */
typedef struct smalti_step_info {
    const char *name; /**< "resize" */
    const char *summary;
    const char *brief; /**< what may stand before the parameters in a text: "WIDTHxHEIGHT"; NULL: nothing */
    uint32_t param_count;
    const smalti_step_param *params;
} smalti_step_info;

/** The kinds of steps there are: smalti_step_describe of 0 to smalti_step_count() − 1; NULL past the end. */
SMALTI_API size_t smalti_step_count(void);
SMALTI_API const smalti_step_info *smalti_step_describe(size_t index);

/**
 * Adds a step. params: "800x600:fit=cover,kernel=linear", "width=800", or NULL; a comma in a value is written "\,".
 * Kernels and files that it names are loaded by smalti_plan_new. Errors: INVALID (contradictory), INVALID_KEY (no such
 * step or parameter; the message lists them), INVALID_TYPE, INVALID_RANGE.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_step_add(smalti_job *job, const char *name, const char *params,
                                                               smalti_error *error);

/**
 * Sets one value by its place in the JSON document: "output.dir", "output.format", "output.quality", "limits.pixels", …
 * The text is read as the key's type. Errors: INVALID_KEY, INVALID_TYPE, INVALID_RANGE.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_job_set(smalti_job *job, const char *key, const char *value,
                                                          smalti_error *error);

/** What smalti_job_set, or the document, set a key to: its text in out, cut to fit; or NULL when it has its default, or no
 * such key is there. Returns out. */
SMALTI_API const char *smalti_job_get(const smalti_job *job, const char *key, char *out, size_t out_size);

/** A way to stop a run from elsewhere. */
typedef struct smalti_cancel smalti_cancel;
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_cancel_new(smalti_cancel **cancel, smalti_error *error);
SMALTI_API void smalti_cancel_request(smalti_cancel *cancel); /**< from any thread, or a signal handler */
/** Ends one task, by the index of its input, before or while it runs; in every run with this cancel, as it does not know one
 * from another. From any thread, but not a signal handler. Errors: INVALID_RANGE, NOMEM. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_cancel_request_task(smalti_cancel *cancel, uint64_t task,
                                                                      smalti_error *error);
SMALTI_API bool smalti_cancel_requested(const smalti_cancel *cancel); /**< whether the run was asked to stop */
SMALTI_API void smalti_cancel_free(smalti_cancel *cancel); /**< NULL is fine */

/** What a task, or a run, did. Sums over tasks unless said otherwise. */
typedef struct smalti_stats {
    size_t size; /**< sizeof(smalti_stats) */
    uint64_t tasks; /**< tasks ended */
    uint64_t done; /**< … with a result */
    uint64_t skipped; /**< … because the output was there already */
    uint64_t failed; /**< … with an error, cancelled ones included */
    uint64_t warnings; /**< warnings given */
    uint64_t pixels; /**< pixels decoded */
    uint64_t bytes_in; /**< size of the inputs */
    uint64_t bytes_out; /**< size of the outputs */
    uint64_t wall_ns; /**< wall time; of a run: from its start to its end */
    uint64_t cpu_ns; /**< processor time of the threads that worked */
    uint64_t read_ns; /**< opening and reading inputs (a mapped file is read while decoding) */
    uint64_t decode_ns; /**< decoding */
    uint64_t kernel_ns; /**< kernels, their instances and their windows */
    uint64_t step_ns; /**< all other steps */
    uint64_t encode_ns; /**< encoding */
    uint64_t write_ns; /**< writing outputs and giving them their names */
    uint64_t strips; /**< calls of kernels */
    uint64_t copied_rows; /**< whole pixel rows copied from one place to another between decoder and encoder */
    uint64_t copied_bytes; /**< bytes of those */
    uint64_t converted_bytes; /**< bytes written by a change of sample type, channels or orientation */
    uint64_t halo_bytes; /**< bytes copied to make halos (edges, and rows two strips share) */
    uint64_t allocations; /**< buffers taken from the system by lanes; buffers used again are not counted */
    uint64_t peak_bytes; /**< largest sum of admitted memory at one time (a run), or of the task */
} smalti_stats;

typedef enum smalti_event_kind {
    SMALTI_EVENT_STARTED = 1, /**< a task begins; one that is cancelled before has only its end */
    SMALTI_EVENT_PROGRESS, /**< rows of a task are done; at most ten times a second for each task */
    SMALTI_EVENT_WARNING, /**< something was odd, the task goes on: error->message */
    SMALTI_EVENT_DONE, /**< a task ended with a result */
    SMALTI_EVENT_SKIPPED, /**< the output is there already */
    SMALTI_EVENT_FAILED /**< a task ended with an error */
} smalti_event_kind;

/** An output that a task made. */
typedef struct smalti_output {
    const char *path; /**< "-": standard output; NULL: no file */
    const char *format; /**< "jpeg" */
    uint32_t width, height; /**< pixels, as encoded */
    uint64_t bytes;
    uint32_t
        quality; /**< that it was encoded with, 1…100, also where it is the default or was searched for; 0: lossless */
    double score; /**< how near it is to the pixels before encoding, where that was asked for; NaN: not measured */
} smalti_output;

/** What happens in a run. Everything in it is borrowed during the callback. */
typedef struct smalti_event {
    size_t size; /**< sizeof(smalti_event) */
    smalti_event_kind kind;
    uint64_t task; /**< index of the input in the job */
    uint64_t task_count;
    const char *input; /**< name of the input */
    const char *output; /**< path of the output; NULL when there is none */
    uint32_t rows_done, rows; /**< PROGRESS */
    const smalti_error *error; /**< WARNING and FAILED, else NULL */
    const smalti_stats *stats; /**< DONE, SKIPPED and FAILED, else NULL: of this task */
    const char *measures; /**< DONE: what measure kernels found, a JSON object; NULL when there are none */
    const smalti_info *info; /**< DONE and FAILED: of the input; NULL when its head was not read */
    const char
        *source; /**< DONE and FAILED: "read" (the file stands in memory), "mapped" (it does not) or "" (not opened) */
    const char
        *fast_path; /**< DONE: how work was saved, "reduced 1/4" (decoded at a quarter of its size) for one; "": not */
    const smalti_output *outputs; /**< DONE: one for each output that was made */
    size_t output_count;
    const char *id; /**< that the task was given with smalti_job_task_add; NULL: none */
} smalti_event;

/** Receives events: one at a time, from any thread of the run. */
typedef void (*smalti_event_fn)(void *user, const smalti_event *event);

/** Where tasks run. */
typedef enum smalti_place {
    SMALTI_AT_THREADS, /**< in threads of this process: decoders and encoders too */
    SMALTI_AT_WORKERS /**< in processes of their own, one for each lane, that can do nothing but that (worker.h) */
} smalti_place;

/** Workers that are there before a run, and after it (worker.h). */
typedef struct smalti_workers smalti_workers;

/** How to run. Zero in a field means its default. */
typedef struct smalti_run_options {
    size_t size; /**< sizeof(smalti_run_options) */
    uint32_t jobs; /**< lanes: default one per processor */
    uint64_t memory_bytes; /**< memory budget of the run: default 1 GiB or half the machine's, the smaller */
    uint32_t strip_rows; /**< rows in a strip: default chosen from the image; any value gives the same bytes */
    smalti_cancel *cancel; /**< borrowed; NULL: cannot be cancelled */
    smalti_event_fn event; /**< NULL: none */
    void *user; /**< handed to event */
    smalti_place at; /**< default: threads. The outputs are the same. smalti_plan_run_image does not look at it */
    const char *worker_program; /**< started as "PROGRAM worker --serve N", which is to call smalti_worker_serve(N):
                                   default "smalti", looked for in PATH */
    bool require_jail; /**< a worker that cannot be jailed in all ways there are is an error, not a warning */
    smalti_workers *workers; /**< to run at, with their options but for cancel, event and user; borrowed; NULL: none.
                                smalti_plan_run_image does not look at it */
} smalti_run_options;

/** A checked, constant job with its kernels loaded; may run many times, in many threads at once. */
typedef struct smalti_plan smalti_plan;

/**
 * Checks a job and loads its kernels. The job is copied. Errors: INVALID_* (job), INVALID_CONFLICT (two inputs make one
 * output, or an output is an input), KERNEL_*.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_plan_new(const smalti_job *job, smalti_plan **plan,
                                                           smalti_error *error);
SMALTI_API void smalti_plan_free(smalti_plan *plan); /**< NULL is fine */

/** What the plan will do, for people (json false) or programs: for each input the stages, samples, halo, strips and
 * memory. Reads the heads of the inputs. *text is owned on success: free(). */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_plan_describe(const smalti_plan *plan,
                                                                const smalti_run_options *options, bool json,
                                                                char **text, smalti_error *error);

/**
 * Runs every task of the plan. A task that fails does not stop the others. *stats (may be NULL) is filled in either way.
 * Returns OK when every task ended well, else the result of the first that failed (by index), with *error from it.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_plan_run(const smalti_plan *plan, const smalti_run_options *options,
                                                           smalti_stats *stats, smalti_error *error);

/**
 * Runs the plan's steps on one encoded file in memory and gives the encoded output; the plan's inputs and output
 * directory are not used. Of events only warnings are sent; values of measures are not kept. data is borrowed during
 * the call; *out is owned on success: free(). Output format: the job's, or the input's.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_plan_run_memory(const smalti_plan *plan,
                                                                  const smalti_run_options *options, const void *data,
                                                                  size_t size, const char *name, void **out,
                                                                  size_t *out_size, smalti_stats *stats,
                                                                  smalti_error *error);

/** An input that is no part of the job, and where its output goes. */
typedef struct smalti_item {
    size_t size; /**< sizeof(smalti_item) */
    const char *path; /**< a file; NULL: data */
    const void *data; /**< an encoded file in memory; borrowed until the run ends */
    size_t data_size;
    const char *name; /**< of data, in messages and events; NULL: "memory" */
    /** A file, which appears whole or not at all; NULL: out, or no output: then only measures are made. */
    const char *output;
    /** An encoded file in memory: *out, owned by the caller (free()), and *out_size are stored before the item's event
     * DONE is sent, and are not touched when it fails. Both or none. */
    void **out;
    size_t *out_size;
} smalti_item;

/**
 * Runs the plan's steps on these items; its own inputs and the place of its outputs are not used. Otherwise as
 * smalti_plan_run, with the index of an item in its events: lanes, and their workers, go from item to item. Either all items
 * have an output or none has. Errors besides: INVALID (an item is not filled in rightly), INVALID_CONFLICT (two outputs of
 * one name, an output over an input), UNSUPPORTED (output.set has several outputs).
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_plan_run_items(const smalti_plan *plan, const smalti_item *items,
                                                                 size_t count, const smalti_run_options *options,
                                                                 smalti_stats *stats, smalti_error *error);

/** Runs the plan's steps on pixels, on the calling thread: of the options only strip_rows is used, and values of measures
 * are not kept (smalti_kernel_measure gives them). in is borrowed during the call; *out is owned on success:
 * smalti_image_free. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_plan_run_image(const smalti_plan *plan,
                                                                 const smalti_run_options *options,
                                                                 const smalti_image *in, smalti_image *out,
                                                                 smalti_stats *stats, smalti_error *error);

#ifdef __cplusplus
}
#endif
#endif
