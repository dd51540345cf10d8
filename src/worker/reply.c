/* SPDX-License-Identifier: Apache-2.0
 * What a worker says about a task. It may have been taken over by what it decoded, so nothing is believed that could do harm:
 * texts are ended and made printable, numbers are bounded, names come from the parent's own tables, JSON is parsed and
 * printed again. */
#include <jansson.h>
#include <math.h>

#include "worker/remote.h"

static const uint64_t number_most = (uint64_t)1 << 60;

static smalti_result refuse(const char *what, smalti_error *error)
{
    return smalti__fail(error, SMALTI_E_PEER, "the worker's answer has %s that cannot be", what);
}

smalti_result smalti__remote_error(const smalti__packet_error *told, smalti_error *error)
{
    if (told->result == SMALTI_OK)
        return SMALTI_OK;
    int class = smalti_result_class(told->result);
    smalti_result code = class >= 1 && class <= 9 ? told->result : SMALTI_E_PEER;
    char text[sizeof told->message];
    smalti__printable(told->message, strnlen(told->message, sizeof told->message), text, sizeof text);
    smalti__fail_at(error, code, told->offset, "%s", text);
    if (error)
        error->sys_errno = told->sys_errno;
    return code;
}

/* A word of letters, digits, blanks and what stands in "reduced 1/4, planes" and "4:2:0". */
static bool copy_word(char *to, const char *from, size_t size)
{
    size_t length = strnlen(from, size);
    if (length == size || strspn(from, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,:/-") != length)
        return false;
    memcpy(to, from, length + 1);
    return true;
}

static bool known_format(const char *name)
{
    for (size_t i = 0; smalti__decoder_formats[i]; i++)
        if (!strcmp(smalti__decoder_formats[i]->name, name))
            return true;
    return false;
}

static smalti_result accept_info(smalti_info *info, const smalti__packet_info *told, smalti_error *error)
{
    *info = (smalti_info){
        .width = told->width,
        .height = told->height,
        .channels = told->channels,
        .sample = (smalti_sample)told->sample,
        .bit_depth = told->bit_depth,
        .interlaced = told->interlaced != 0,
        .has_alpha = told->has_alpha != 0,
        .frames = told->frames,
        .loops = told->loops,
        .duration_ms = told->duration_ms,
        .orientation = told->orientation,
        .file_bytes = told->file_bytes,
        .decoded_bytes = told->decoded_bytes,
        .icc_bytes = told->icc_bytes,
        .exif_bytes = told->exif_bytes,
        .xmp_bytes = told->xmp_bytes,
    };
    bool fits = told->channels >= 1 && told->channels <= 4 && told->sample >= SMALTI_SAMPLE_U8 &&
                told->sample <= SMALTI_SAMPLE_F32 && told->bit_depth <= 64 && told->orientation <= 8 &&
                told->file_bytes <= number_most && told->decoded_bytes <= number_most &&
                told->icc_bytes <= number_most && told->exif_bytes <= number_most && told->xmp_bytes <= number_most;
    if (!fits || !copy_word(info->format, told->format, sizeof info->format) ||
        !copy_word(info->color, told->color, sizeof info->color) ||
        !copy_word(info->subsampling, told->subsampling, sizeof info->subsampling) ||
        !copy_word(info->compression, told->compression, sizeof info->compression) || !known_format(info->format)) {
        *info = (smalti_info){0};
        return refuse("facts of the input", error);
    }
    return SMALTI_OK;
}

/* The counters from tasks on; those that are the parent's own stay. */
static smalti_result accept_stats(smalti_stats *stats, const smalti_stats *told, smalti_error *error)
{
    const uint64_t *numbers = &told->tasks;
    for (size_t i = 0; i < (sizeof *told - offsetof(smalti_stats, tasks)) / sizeof *numbers; i++)
        if (numbers[i] > number_most)
            return refuse("numbers", error);
    uint64_t warnings = stats->warnings;
    *stats = *told;
    stats->size = sizeof *stats;
    stats->tasks = 1;
    stats->done = stats->skipped = stats->failed = stats->wall_ns = stats->bytes_out = 0;
    stats->warnings = warnings;
    return SMALTI_OK;
}

static smalti_result accept_measures(smalti__remote *remote, smalti__task *task, smalti_error *error)
{
    if (!remote->measures)
        return SMALTI_OK;
    json_t *root = json_loadb(remote->measures, remote->measure_bytes, JSON_REJECT_DUPLICATES, NULL);
    char *text = json_is_object(root) ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (!text)
        return refuse("measures", error);
    free(task->measures);
    task->measures = text;
    return SMALTI_OK;
}

/* Whether a format is one of which this output may be. */
static bool may_be(const smalti__task *task, size_t index, const smalti__encoder_format *format,
                   const smalti__encoder_format *asked)
{
    const smalti_plan *plan = task->lane->run->plan;
    if (plan->smallest && !plan->variants[index].format) {
        for (size_t i = 0; smalti__plan_web_format(i); i++)
            if (smalti__plan_web_format(i) == format)
                return true;
        return false;
    }
    return asked ? format == asked : format == smalti__plan_own_format(task->info.format);
}

static smalti_result accept_output(smalti__remote *remote, smalti__task *task, size_t index,
                                   const smalti__encoder_format *asked, smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    smalti__branch *branch = &task->branches[index];
    uint32_t format = remote->reply.outputs[index].format, known = 0;
    double score = remote->reply.outputs[index].score;
    while (smalti__encoder_formats[known])
        known++;
    if (!branch->sink.state)
        return SMALTI_OK;
    if (format >= known || !may_be(task, index, smalti__encoder_formats[format], asked) ||
        remote->reply.outputs[index].quality > 100 || !(isnan(score) || (score > -1e6 && score <= 100)))
        return refuse("an output", error);
    branch->made = (smalti_output){
        .format = smalti__encoder_formats[format]->name,
        .width = remote->reply.outputs[index].width,
        .height = remote->reply.outputs[index].height,
        .quality = remote->reply.outputs[index].quality,
        .score = isnan(score) ? NAN : score,
    };
    SMALTI__TRY(smalti__sink_returned(&branch->sink, error));
    if (plan->smallest && !plan->variants[index].format && branch->path)
        return smalti__outputs_rename(task, index, smalti__encoder_formats[format], error);
    return SMALTI_OK;
}

smalti_result smalti__remote_accept(smalti__remote *remote, smalti__task *task,
                                    const smalti__encoder_format *const *formats, smalti_error *error)
{
    const smalti__packet_reply *reply = &remote->reply;
    static const char *const kinds[] = {NULL, "read", "mapped"};
    if (reply->source >= SMALTI__COUNT(kinds) || !copy_word(task->fast_path, reply->fast_path, sizeof task->fast_path))
        return refuse("words", error);
    SMALTI__TRY(accept_stats(task->stats, &reply->stats, error));
    if (*reply->info.format)
        SMALTI__TRY(accept_info(&task->info, &reply->info, error));
    task->source_kind = kinds[reply->source];
    SMALTI__TRY(smalti__remote_error(&reply->error, error));
    SMALTI__TRY(accept_measures(remote, task, error));
    for (size_t i = 0; i < task->lane->run->plan->variant_count; i++)
        SMALTI__TRY(accept_output(remote, task, i, formats[i], error));
    return SMALTI_OK;
}
