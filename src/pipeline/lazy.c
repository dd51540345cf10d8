/* SPDX-License-Identifier: Apache-2.0
 * Chains: opening, settings, steps and branches. Nothing here touches a pixel. */
#include "pipeline/lazy.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "pipeline/task.h"

/* ---- what is shared ---- */

static void *shared(unsigned *refs)
{
    __atomic_fetch_add(refs, 1, __ATOMIC_RELAXED);
    return refs;
}

static bool was_last(unsigned *refs)
{
    return __atomic_fetch_sub(refs, 1, __ATOMIC_ACQ_REL) == 1;
}

static void drop_origin(smalti__origin *origin)
{
    if (!was_last(&origin->refs))
        return;
    smalti__source_close(&origin->kept);
    if (origin->fd >= 0)
        close(origin->fd);
    free(origin->name);
    free(origin);
}

static void drop_link(smalti__link *link)
{
    while (link && was_last(&link->refs)) {
        smalti__link *before = link->before;
        smalti__plan_steps_free(link->step, 1);
        free(link);
        link = before;
    }
}

smalti_result smalti__link_steps(const smalti__link *last, size_t skip, smalti__step **steps, smalti_error *error)
{
    size_t count = smalti__link_count(last) - skip;
    *steps = malloc((count + 1) * sizeof **steps);
    if (!*steps)
        return smalti__fail_nomem(error, (count + 1) * sizeof **steps);
    for (; count; last = last->before)
        (*steps)[--count] = *last->step;
    return SMALTI_OK;
}

/* ---- the shape behind the steps ---- */

static void start_program(const smalti_chain *chain, smalti__program *program, uint64_t max_pixels)
{
    uint32_t orientation = chain->job->settings.orient ? chain->origin->info.orientation : 1;
    smalti__program_init(program, &chain->origin->shape, orientation, max_pixels);
}

static smalti_result lower(smalti_chain *chain, const smalti__link *last, smalti__program *program, smalti_error *error)
{
    SMALTI__CLEANUP_FREE smalti__step *steps = NULL;
    size_t count = smalti__link_count(last), next = 0;
    bool exact = true;
    SMALTI__TRY(smalti__link_steps(last, 0, &steps, error));
    start_program(chain, program, smalti__settings_limits(&chain->job->settings).pixels);
    do {
        SMALTI__TRY(smalti__program_lower(program, steps, count, &next, error));
        exact = exact && !program->unknown;
    } while (program->unknown);
    chain->shape = program->shape;
    chain->exact = exact;
    return SMALTI_OK;
}

/* Of a chain with these steps; it has the shape afterwards, or is unchanged. Without steps nothing is refused: limits on the
 * image itself are the run's. */
static smalti_result find_shape(smalti_chain *chain, const smalti__link *last, smalti_error *error)
{
    SMALTI__CLEANUP_FREE smalti__program *program = malloc(sizeof *program);
    if (!program)
        return smalti__fail_nomem(error, sizeof *program);
    if (last) {
        smalti_result result = lower(chain, last, program, error);
        if (result < 0)
            smalti__error_name(error, chain->origin->name);
        return result;
    }
    start_program(chain, program, 0);
    chain->shape = smalti__program_upright(program);
    chain->exact = true;
    return SMALTI_OK;
}

/* ---- opening ---- */

static smalti__origin *new_origin(const char *name)
{
    smalti__origin *origin = calloc(1, sizeof *origin);
    if (!origin || !(origin->name = strdup(name))) {
        free(origin);
        return NULL;
    }
    origin->refs = 1;
    origin->fd = -1;
    return origin;
}

static smalti_result read_head(smalti__origin *origin, smalti__source *source, smalti_error *error)
{
    const smalti__decode_options options = {.head_only = true, .metadata = true, .all_frames = true};
    smalti__decoder *decoder;
    SMALTI__TRY(origin->image.data ? smalti__decoder_open_pixels(source, &origin->image, &options, &decoder, error)
                                   : smalti__decoder_open(source, &options, &decoder, error));
    origin->info = decoder->info;
    origin->shape = decoder->out;
    smalti__decoder_close(decoder);
    return smalti__source_check(source, error);
}

/* A chain over an origin, which is taken in any case; source is open, and is read here only. */
static smalti_result make_chain(smalti__origin *origin, smalti__source *source, smalti_chain **chain,
                                smalti_error *error)
{
    smalti_chain *made = calloc(1, sizeof *made);
    smalti_result result = made ? read_head(origin, source, error) : smalti__fail_nomem(error, sizeof *made);
    if (result < 0) {
        free(made);
        drop_origin(origin);
        return result;
    }
    made->origin = origin;
    result = smalti_job_new(&made->job, error);
    if (result == SMALTI_OK)
        result = find_shape(made, NULL, error);
    if (result < 0)
        smalti_chain_free(made);
    else
        *chain = made;
    return result;
}

static smalti_result open_file(smalti__origin *origin, smalti_chain **chain, smalti_error *error)
{
    /* mapped from 64 KiB on: only the pages that the head lies in are read */
    const smalti__source_options options = {.map_threshold = 64 << 10, .head_only = true};
    smalti__source source = {0};
    smalti_result result = fstat(origin->fd, &origin->stat)
                               ? smalti__fail_errno(error, errno, "%s: cannot be read", SMALTI__SHOWN(origin->name))
                               : smalti__source_open_fd(&source, origin->fd, origin->name, &options, error);
    if (result < 0)
        drop_origin(origin);
    else
        result = make_chain(origin, &source, chain, error);
    smalti__source_close(&source);
    return result;
}

/* path NULL: fd. */
static smalti_result open_stream(smalti__origin *origin, const char *path, int fd, const smalti_run_options *options,
                                 smalti_chain **chain, smalti_error *error)
{
    smalti_run_options all = {0};
    if (options)
        memcpy(&all, options, options->size < sizeof all ? options->size : sizeof all);
    uint64_t memory = all.memory_bytes ? all.memory_bytes : smalti__run_default_memory();
    const smalti__source_options how = {.map_threshold = SIZE_MAX,
                                        .max_bytes = memory / 2 ? memory / 2 : 1,
                                        .cancelled = all.cancel ? &all.cancel->requested : NULL};
    smalti_result result = path ? smalti__source_open(&origin->kept, path, &how, error)
                                : smalti__source_open_fd(&origin->kept, fd, origin->name, &how, error);
    if (result < 0) {
        drop_origin(origin);
        return result;
    }
    origin->kept.name = origin->name;
    origin->data = origin->kept.data;
    origin->size = origin->kept.size;
    return make_chain(origin, &origin->kept, chain, error);
}

smalti_result smalti_chain_open(const char *path, const smalti_run_options *options, smalti_chain **chain,
                                smalti_error *error)
{
    size_t size;
    if (!strcmp(path, "-"))
        return smalti_chain_open_fd(STDIN_FILENO, "standard input", options, chain, error);
    SMALTI__TRY(smalti__source_measure(path, -1, &size, error));
    smalti__origin *origin = new_origin(path);
    if (!origin)
        return smalti__fail_nomem(error, sizeof *origin);
    if (size == SIZE_MAX)
        return open_stream(origin, path, -1, options, chain, error);
    origin->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (origin->fd < 0) {
        smalti_result result = smalti__fail_errno(error, errno, "%s: cannot be opened", SMALTI__SHOWN(path));
        drop_origin(origin);
        return result;
    }
    return open_file(origin, chain, error);
}

smalti_result smalti_chain_open_fd(int fd, const char *name, const smalti_run_options *options, smalti_chain **chain,
                                   smalti_error *error)
{
    size_t size;
    SMALTI__TRY(smalti__source_measure(NULL, fd, &size, error));
    smalti__origin *origin = new_origin(name);
    if (!origin)
        return smalti__fail_nomem(error, sizeof *origin);
    if (size == SIZE_MAX || (fd == STDIN_FILENO && lseek(fd, 0, SEEK_CUR) > 0))
        return open_stream(origin, NULL, fd, options, chain, error);
    origin->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (origin->fd < 0) {
        smalti_result result = smalti__fail_errno(error, errno, "%s: cannot be read", SMALTI__SHOWN(name));
        drop_origin(origin);
        return result;
    }
    return open_file(origin, chain, error);
}

smalti_result smalti_chain_open_memory(const void *data, size_t size, const char *name, smalti_chain **chain,
                                       smalti_error *error)
{
    smalti__source source;
    smalti__origin *origin = new_origin(name);
    if (!origin)
        return smalti__fail_nomem(error, sizeof *origin);
    origin->data = data;
    origin->size = size;
    smalti__source_open_memory(&source, data, size, origin->name);
    return make_chain(origin, &source, chain, error);
}

smalti_result smalti_chain_open_image(const smalti_image *image, smalti_chain **chain, smalti_error *error)
{
    smalti__source source;
    SMALTI__TRY(smalti__image_check(image, error));
    smalti__origin *origin = new_origin("pixels");
    if (!origin)
        return smalti__fail_nomem(error, sizeof *origin);
    origin->image = *image;
    smalti__source_open_memory(&source, NULL, 0, origin->name);
    return make_chain(origin, &source, chain, error);
}

smalti_result smalti_chain_clone(const smalti_chain *chain, smalti_chain **copy, smalti_error *error)
{
    smalti_chain *made = malloc(sizeof *made);
    smalti_job *job = made ? smalti__job_copy(chain->job) : NULL;
    if (!job) {
        free(made);
        return smalti__fail_nomem(error, sizeof *made);
    }
    *made = *chain;
    made->job = job;
    shared(&made->origin->refs);
    if (made->last)
        shared(&made->last->refs);
    *copy = made;
    return SMALTI_OK;
}

void smalti_chain_free(smalti_chain *chain)
{
    if (!chain)
        return;
    drop_link(chain->last);
    drop_origin(chain->origin);
    smalti_job_free(chain->job);
    free(chain);
}

const smalti_info *smalti_chain_info(const smalti_chain *chain)
{
    return &chain->origin->info;
}

bool smalti_chain_size(const smalti_chain *chain, uint32_t *width, uint32_t *height)
{
    if (width)
        *width = chain->shape.width;
    if (height)
        *height = chain->shape.height;
    return chain->exact;
}

/* ---- settings and steps ---- */

smalti_result smalti_chain_set(smalti_chain *chain, const char *key, const char *value, smalti_error *error)
{
    static const char *const of_jobs[] = {"input.recursive", "output.dir",    "output.file",         "output.template",
                                          "output.set",      "output.preset", "output.skip_existing"};
    for (size_t i = 0; i < SMALTI__COUNT(of_jobs); i++)
        if (!strcmp(key, of_jobs[i]))
            return smalti__fail(error, SMALTI_E_INVALID_KEY,
                                "%s is for jobs: a chain has steps, and its outputs are "
                                "named when they are written",
                                key);
    bool input = !strncmp(key, "input.", 6);
    if (input && chain->last)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "%.64s has to be set before the first step", key);
    SMALTI__TRY(smalti_job_set(chain->job, key, value, error));
    return input ? find_shape(chain, NULL, error) : SMALTI_OK;
}

/* The job has checked the step behind its others, of which there are none: takes it from there. */
static smalti_result take_step(smalti_chain *chain, smalti_error *error)
{
    const smalti__step_env env = smalti__plan_step_env(&chain->job->settings);
    smalti_job *job = chain->job;
    smalti__step *step = NULL;
    smalti__link *link = malloc(sizeof *link);
    smalti_result result = !link ? smalti__fail_nomem(error, sizeof *link)
                           : smalti__link_count(chain->last) == SMALTI__STEPS_MAX
                               ? smalti__fail(error, SMALTI_E_LIMIT, "a chain has at most %d steps", SMALTI__STEPS_MAX)
                               : smalti__plan_steps(job->steps, 1, &env, &step, error);
    smalti__step_clear(&job->steps[--job->step_count]);
    if (result < 0) {
        free(link);
        return result;
    }
    *link = (smalti__link){1, chain->last, smalti__link_count(chain->last) + 1, step};
    result = find_shape(chain, link, error);
    if (result < 0) {
        link->before = NULL; /* the chain keeps it */
        drop_link(link);
    } else {
        chain->last = link;
    }
    return result;
}

smalti_result smalti_chain_step(smalti_chain *chain, const char *name, const char *params, smalti_error *error)
{
    SMALTI__TRY(smalti_job_step_add(chain->job, name, params, error));
    return take_step(chain, error);
}

smalti_result smalti_chain_kernel(smalti_chain *chain, const char *module, const char *params, smalti_error *error)
{
    SMALTI__TRY(smalti_job_kernel_add(chain->job, module, params, error));
    return take_step(chain, error);
}

smalti_result smalti_chain_resize(smalti_chain *chain, uint32_t width, uint32_t height, smalti_error *error)
{
    char size[2][16] = {"", ""}, text[40];
    if (width)
        snprintf(size[0], sizeof size[0], "%u", width);
    if (height)
        snprintf(size[1], sizeof size[1], "%u", height);
    snprintf(text, sizeof text, "%sx%s", size[0], size[1]);
    return smalti_chain_step(chain, "resize", text, error);
}
