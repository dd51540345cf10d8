/* SPDX-License-Identifier: Apache-2.0
 * What a worker says about a task. It may have been taken over by what it decoded, so nothing is believed that could do harm:
 * texts are ended and made printable, numbers are bounded, names come from the parent's own tables, JSON is parsed and
 * printed again. */
#include <jansson.h>
#include <math.h>

#include "worker/remote.h"

enum {
    WARNINGS_MOST = 1000,
    MEASURES_MOST = 4 << 20,
    PROGRESS_NS = 50 * 1000 * 1000 /* between two that are told */
};

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

/* ---- While a task is on its way ---- */

void smalti__remote_forget(smalti__remote *remote)
{
    free(remote->measures);
    remote->measures = NULL;
    remote->measure_bytes = 0;
    remote->warnings = 0;
    remote->progress_ns = 0;
    smalti__packet_task *had = &remote->packet;
    if (had->place == SMALTI__PLACE_BLOCK)
        smalti__blocks_give(&remote->blocks, &had->block);
    for (uint32_t i = 0; i < had->output_count; i++)
        if (had->outputs[i].block.bytes)
            smalti__blocks_give(&remote->blocks, &had->outputs[i].block);
    had->place = SMALTI__PLACE_NOWHERE;
    had->output_count = 0;
}

static bool grant(smalti__remote *remote, smalti__task *task)
{
    const smalti__packet_need need = remote->in.packet.need;
    smalti__packet_word answer = {.kind = SMALTI__PACKET_GRANT};
    smalti_error error;
    if (need.wait && task->admitted) /* it would wait for itself */
        return false;
    smalti_result result =
        need.wait ? smalti__task_admit(task, need.bytes, &error) : smalti__task_more(task, need.bytes, &error);
    smalti__packet_error_set(&answer.error, result, &error);
    return smalti__packet_put(&remote->channel, remote->task, &answer, sizeof answer, false, NULL) == SMALTI_OK;
}

/* Its block stays where it is: the worker copies from there. */
static bool lend_file(smalti__remote *remote, smalti__task *task)
{
    const smalti__packet_files files = {SMALTI__PACKET_FILES, 1, remote->task};
    smalti__packet_word answer = {.kind = SMALTI__PACKET_GRANT};
    uint32_t index = remote->in.packet.outgrown.output;
    smalti_error error;
    int fd;
    if (index >= remote->packet.output_count || remote->packet.outputs[index].place != SMALTI__PLACE_BLOCK)
        return false;
    remote->packet.outputs[index].place = SMALTI__PLACE_FILE;
    smalti_result result = smalti__sink_lend(&task->branches[index].sink, &fd, &error);
    if (result == SMALTI_OK && smalti__packet_pass(remote->process.socket, &files, sizeof files, &fd, 1))
        return false;
    smalti__packet_error_set(&answer.error, result, &error);
    return smalti__packet_put(&remote->channel, remote->task, &answer, sizeof answer, false, NULL) == SMALTI_OK;
}

static bool add_measures(smalti__remote *remote)
{
    const smalti__packet_measures *part = &remote->in.packet.measures;
    if (part->bytes > MEASURES_MOST - remote->measure_bytes)
        return false;
    char *larger = realloc(remote->measures, remote->measure_bytes + part->bytes + 1);
    if (!larger)
        return false;
    memcpy(larger + remote->measure_bytes, part->text, part->bytes);
    remote->measures = larger;
    remote->measure_bytes += part->bytes;
    return true;
}

static bool pass_warning(smalti__remote *remote, smalti__task *task)
{
    smalti_error warning;
    char shown[SMALTI__NAME_TEXT];
    if (++remote->warnings > WARNINGS_MOST ||
        smalti__remote_error(&remote->in.packet.word.error, &warning) == SMALTI_OK)
        return false;
    size_t name = strlen(smalti__name_text(task->name, shown));
    bool named = !strncmp(warning.message, shown, name) && warning.message[name] == ':';
    smalti__task_warn(task, warning.message + (named ? name + 2 : 0));
    return true;
}

static void pass_progress(smalti__remote *remote, smalti__task *task)
{
    const smalti__packet_progress *progress = &remote->in.packet.progress;
    uint64_t now = smalti__now_ns();
    if (now - remote->progress_ns < PROGRESS_NS || progress->rows_done > progress->rows)
        return;
    remote->progress_ns = now;
    smalti__task_progress(task, progress->rows_done, progress->rows);
}

bool smalti__remote_heed(smalti__remote *remote, smalti__task *task, bool *answered)
{
    if (remote->in.task != remote->task)
        return false;
    switch (remote->in.packet.kind) {
    case SMALTI__PACKET_NEED:
        return grant(remote, task);
    case SMALTI__PACKET_OUTGROWN:
        return lend_file(remote, task);
    case SMALTI__PACKET_WARNING:
        return pass_warning(remote, task);
    case SMALTI__PACKET_PROGRESS:
        pass_progress(remote, task);
        return true;
    case SMALTI__PACKET_MEASURES:
        return add_measures(remote);
    case SMALTI__PACKET_REPLY:
        *answered = true;
        return remote->in.packet.reply.output_count == task->lane->run->plan->variant_count;
    default: /* READY, again */
        return false;
    }
}

/* ---- Behind its end ---- */

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

/* What it wrote, and not a byte of what the block had before; what it claims to have written is its own affair. */
static smalti_result copy_block(smalti__remote *remote, smalti__task *task, size_t index, smalti_error *error)
{
    smalti__sink *sink = &task->branches[index].sink;
    smalti__block_ref ref = remote->packet.outputs[index].block;
    uint64_t bytes = remote->in.packet.reply.outputs[index].bytes;
    uint8_t *data;
    if (bytes > ref.bytes)
        return refuse("an output", error);
    ref.bytes = bytes;
    SMALTI__TRY(smalti__blocks_at(&remote->blocks, &ref, &data, error));
    smalti_result result = smalti__sink_write(sink, data, bytes, error);
    task->stats->write_ns += sink->write_ns; /* which is no part of the encoding here */
    sink->write_ns = 0;
    return result;
}

static smalti_result accept_output(smalti__remote *remote, smalti__task *task, size_t index,
                                   const smalti__encoder_format *asked, smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    smalti__branch *branch = &task->branches[index];
    uint32_t format = remote->in.packet.reply.outputs[index].format, known = 0;
    double score = remote->in.packet.reply.outputs[index].score;
    while (smalti__encoder_formats[known])
        known++;
    if (!branch->sink.state)
        return SMALTI_OK;
    if (format >= known || !may_be(task, index, smalti__encoder_formats[format], asked) ||
        remote->in.packet.reply.outputs[index].quality > 100 || !(isnan(score) || (score > -1e6 && score <= 100)))
        return refuse("an output", error);
    branch->made = (smalti_output){
        .format = smalti__encoder_formats[format]->name,
        .width = remote->in.packet.reply.outputs[index].width,
        .height = remote->in.packet.reply.outputs[index].height,
        .quality = remote->in.packet.reply.outputs[index].quality,
        .score = isnan(score) ? NAN : score,
    };
    SMALTI__TRY(remote->packet.outputs[index].place == SMALTI__PLACE_BLOCK
                    ? copy_block(remote, task, index, error)
                    : smalti__sink_returned(&branch->sink, error));
    if (plan->smallest && !plan->variants[index].format && branch->path)
        return smalti__outputs_rename(task, index, smalti__encoder_formats[format], error);
    return SMALTI_OK;
}

smalti_result smalti__remote_accept(smalti__remote *remote, smalti__task *task,
                                    const smalti__encoder_format *const *formats, smalti_error *error)
{
    const smalti__packet_reply *reply = &remote->in.packet.reply;
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
