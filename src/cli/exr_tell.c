/* SPDX-License-Identifier: Apache-2.0
 * Sequences of frames as text and as JSON. */
#include "cli/exr_sequence.h"

#include <stdlib.h>
#include <string.h>

/* ---- Ranges of frames ---- */

/* Calls tell for runs of frames that are not there. */
static void each_hole(const exr_sequence *sequence,
                      void (*tell)(cli_buffer *out, int64_t first, int64_t last, bool begun), cli_buffer *out)
{
    bool begun = false;
    int64_t step = (int64_t)sequence->step;
    for (size_t i = 1; i < sequence->count; i++) {
        int64_t before = sequence->frames[i - 1].number, after = sequence->frames[i].number;
        if (after - before <= step)
            continue;
        tell(out, before + step, after - step, begun);
        begun = true;
    }
}

/* … and for runs of frames in a list of indices. */
static void each_run(const exr_sequence *sequence, const size_t *indices, size_t count,
                     void (*tell)(cli_buffer *out, int64_t first, int64_t last, bool begun), cli_buffer *out)
{
    int64_t step = (int64_t)sequence->step;
    bool begun = false;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count; end++)
            if (sequence->frames[indices[end]].number - sequence->frames[indices[end - 1]].number > step)
                break;
        tell(out, sequence->frames[indices[i]].number, sequence->frames[indices[end - 1]].number, begun);
        begun = true;
    }
}

static void run_text(cli_buffer *out, int64_t first, int64_t last, bool begun)
{
    cli_buffer_text(out, begun ? ", " : "");
    cli_buffer_number(out, first);
    if (last != first) {
        cli_buffer_text(out, first < 0 || last < 0 ? " to " : "-");
        cli_buffer_number(out, last);
    }
}

static void run_json(cli_buffer *out, int64_t first, int64_t last, bool begun)
{
    (void)begun;
    cli_buffer_open(out, NULL, '[');
    cli_buffer_json_number(out, NULL, first);
    cli_buffer_json_number(out, NULL, last);
    cli_buffer_close(out, ']');
}

/* ---- Drift ---- */

/* Outliers of a drift that have the same value as the one at position from; it and they are marked as told. Gives how many
 * are in indices. */
static size_t take_same(const exr_sequence *sequence, const exr_drift *drift, size_t from, bool *told, size_t *indices)
{
    uint64_t value = exr_property_value(&sequence->frames[drift->outliers[from]], drift->key);
    size_t count = 0;
    for (size_t i = from; i < drift->outlier_count; i++)
        if (!told[i] && exr_property_value(&sequence->frames[drift->outliers[i]], drift->key) == value) {
            told[i] = true;
            indices[count++] = drift->outliers[i];
        }
    return count;
}

/* Reads a frame again, for the text of one of its properties; "missing" when it has none. */
static void read_text(const exr_tell *state, const exr_frame *frame, uint64_t key, cli_buffer *name, cli_buffer *value)
{
    name->size = value->size = 0;
    if (smalti_exr_open(state->exr, frame->path, NULL) < 0)
        cli_buffer_text(value, "?");
    else if (!exr_property_text(smalti_exr_header_get(state->exr), key, name, value))
        cli_buffer_text(value, "missing");
}

enum { VALUES_MOST = 8 }; /* of one property that are told */

typedef struct drift_teller {
    exr_tell *state;
    const exr_sequence *sequence;
    const exr_drift *drift;
    cli_buffer name, expected, value;
    bool *told;
    size_t *indices;
} drift_teller;

static void drift_text(drift_teller *teller)
{
    cli_buffer *out = &teller->state->out;
    cli_buffer_text(out, "  drift         ");
    cli_buffer_add(out, teller->name.data, teller->name.size);
    cli_buffer_text(out, ": ");
    cli_buffer_add(out, teller->expected.data, teller->expected.size);
    cli_buffer_text(out, "\n");
    size_t values = 0;
    for (size_t i = 0; i < teller->drift->outlier_count && values < VALUES_MOST; i++) {
        if (teller->told[i])
            continue;
        cli_buffer skipped = {0};
        size_t count = take_same(teller->sequence, teller->drift, i, teller->told, teller->indices);
        read_text(teller->state, &teller->sequence->frames[teller->drift->outliers[i]], teller->drift->key, &skipped,
                  &teller->value);
        cli_buffer_clear(&skipped);
        cli_buffer_text(out, "                but ");
        cli_buffer_add(out, teller->value.data, teller->value.size);
        cli_buffer_text(out, " in ");
        each_run(teller->sequence, teller->indices, count, run_text, out);
        cli_buffer_text(out, "\n");
        values++;
    }
    if (values == VALUES_MOST)
        cli_buffer_format(out, "                and others, %zu frames in all\n", teller->drift->outlier_count);
}

static void drift_json(drift_teller *teller)
{
    cli_buffer *out = &teller->state->out;
    cli_buffer_open(out, NULL, '{');
    cli_buffer_json_text(out, "property", teller->name.data, teller->name.size);
    cli_buffer_json_text(out, "expected", teller->expected.data, teller->expected.size);
    cli_buffer_open(out, "outliers", '[');
    size_t values = 0;
    for (size_t i = 0; i < teller->drift->outlier_count; i++) {
        if (teller->told[i])
            continue;
        cli_buffer skipped = {0};
        size_t count = take_same(teller->sequence, teller->drift, i, teller->told, teller->indices);
        cli_buffer_open(out, NULL, '{');
        if (values++ < VALUES_MOST * 8) {
            read_text(teller->state, &teller->sequence->frames[teller->drift->outliers[i]], teller->drift->key,
                      &skipped, &teller->value);
            cli_buffer_json_text(out, "value", teller->value.data, teller->value.size);
        }
        cli_buffer_clear(&skipped);
        cli_buffer_open(out, "frames", '[');
        each_run(teller->sequence, teller->indices, count, run_json, out);
        cli_buffer_close(out, ']');
        cli_buffer_close(out, '}');
    }
    cli_buffer_close(out, ']');
    cli_buffer_close(out, '}');
}

static void tell_drift(exr_tell *state, const exr_sequence *sequence, const exr_drift *drift)
{
    drift_teller teller = {.state = state, .sequence = sequence, .drift = drift};
    teller.told = calloc(drift->outlier_count + 1, sizeof *teller.told);
    teller.indices = calloc(drift->outlier_count + 1, sizeof *teller.indices);
    if (!teller.told || !teller.indices) {
        state->out.lost = true;
    } else {
        read_text(state, &sequence->frames[drift->expected_frame], drift->key, &teller.name, &teller.expected);
        if (!drift->expected) {
            teller.expected.size = 0;
            cli_buffer_text(&teller.expected, "missing");
        }
        if (state->json)
            drift_json(&teller);
        else
            drift_text(&teller);
    }
    cli_buffer_clear(&teller.name);
    cli_buffer_clear(&teller.expected);
    cli_buffer_clear(&teller.value);
    free(teller.told);
    free(teller.indices);
}

/* Names of properties that vary. */
static void tell_varying(exr_tell *state, const exr_sequence *sequence)
{
    bool begun = false;
    cli_buffer name = {0}, value = {0};
    if (state->json)
        cli_buffer_open(&state->out, "varies", '[');
    for (size_t i = 0; i < sequence->drift_count; i++) {
        const exr_drift *drift = &sequence->drifts[i];
        if (!drift->varies)
            continue;
        read_text(state, &sequence->frames[drift->expected_frame], drift->key, &name, &value);
        if (state->json) {
            cli_buffer_json_text(&state->out, NULL, name.data, name.size);
        } else {
            cli_buffer_text(&state->out, begun ? ", " : "  varies        ");
            cli_buffer_add(&state->out, name.data, name.size);
        }
        begun = true;
    }
    if (state->json)
        cli_buffer_close(&state->out, ']');
    else if (begun)
        cli_buffer_text(&state->out, "\n");
    cli_buffer_clear(&name);
    cli_buffer_clear(&value);
}

/* ---- Frames with a fault ---- */

static const char *fault_of(const exr_frame *frame)
{
    if (frame->result < 0)
        return exr_frame_is_empty(frame)                    ? "empty"
               : frame->result == SMALTI_E_FORMAT_TRUNCATED ? "truncated"
                                                            : "unreadable";
    return frame->verdict == SMALTI_EXR_GOOD ? NULL : smalti_exr_verdict_name(frame->verdict);
}

static void tell_faults(exr_tell *state, const exr_sequence *sequence)
{
    cli_buffer *out = &state->out;
    if (state->json)
        cli_buffer_open(out, "faults", '[');
    for (size_t i = 0; i < sequence->count; i++) {
        const exr_frame *frame = &sequence->frames[i];
        const char *fault = fault_of(frame), *message = frame->message ? frame->message : "";
        if (!fault)
            continue;
        if (state->json) {
            cli_buffer_open(out, NULL, '{');
            cli_buffer_json_string(out, "fault", fault);
            cli_buffer_json_number(out, "frame", frame->number);
            cli_buffer_json_string(out, "file", frame->path);
            cli_buffer_json_string(out, "message", message);
            cli_buffer_close(out, '}');
            continue;
        }
        cli_buffer_format(out, "  %-12s  ", fault);
        cli_buffer_number(out, frame->number);
        cli_buffer_text(out, ": ");
        cli_buffer_printable(out, message, strlen(message));
        cli_buffer_text(out, "\n");
    }
    if (state->json)
        cli_buffer_close(out, ']');
}

static void tell_duplicates(exr_tell *state, const exr_sequence *sequence)
{
    cli_buffer *out = &state->out;
    if (state->json)
        cli_buffer_open(out, "duplicates", '[');
    for (size_t i = 1; i < sequence->count; i++) {
        const exr_frame *before = &sequence->frames[i - 1], *frame = &sequence->frames[i];
        if (before->number != frame->number)
            continue;
        if (state->json) {
            cli_buffer_open(out, NULL, '{');
            cli_buffer_json_number(out, "frame", frame->number);
            cli_buffer_open(out, "files", '[');
            cli_buffer_json_string(out, NULL, before->path);
            cli_buffer_json_string(out, NULL, frame->path);
            cli_buffer_close(out, ']');
            cli_buffer_close(out, '}');
            continue;
        }
        cli_buffer_text(out, "  duplicate     ");
        cli_buffer_number(out, frame->number);
        cli_buffer_text(out, ": ");
        cli_buffer_printable(out, before->path, strlen(before->path));
        cli_buffer_text(out, " and ");
        cli_buffer_printable(out, frame->path, strlen(frame->path));
        cli_buffer_text(out, "\n");
    }
    if (state->json)
        cli_buffer_close(out, ']');
}

static void tell_sizes(exr_tell *state, const exr_sequence *sequence)
{
    cli_buffer *out = &state->out;
    char bytes[32], median[32];
    if (state->json)
        cli_buffer_open(out, "odd_sizes", '[');
    for (size_t i = 0; i < sequence->count && !state->ignore_sizes; i++) {
        const exr_frame *frame = &sequence->frames[i];
        if (!exr_frame_is_odd(sequence, frame))
            continue;
        if (state->json) {
            cli_buffer_open(out, NULL, '{');
            cli_buffer_json_number(out, "frame", frame->number);
            cli_buffer_json_count(out, "bytes", frame->bytes);
            cli_buffer_close(out, '}');
            continue;
        }
        cli_buffer_text(out, "  odd size      ");
        cli_buffer_number(out, frame->number);
        cli_buffer_format(out, ": %s, others %s\n", cli_bytes_text(frame->bytes, bytes, sizeof bytes),
                          cli_bytes_text(sequence->median_bytes, median, sizeof median));
    }
    if (state->json)
        cli_buffer_close(out, ']');
}

/* ---- Telling ---- */

static void sequence_text(exr_tell *state, const exr_sequence *sequence, size_t problems)
{
    cli_buffer *out = &state->out;
    cli_buffer name = {0};
    exr_frame_pattern_text(sequence->frames, sequence->count, &name);
    cli_buffer_printable(out, name.data, name.size);
    cli_buffer_clear(&name);
    cli_buffer_text(out, "  ");
    if (sequence->frames[0].numbered) {
        run_text(out, sequence->first, sequence->last, false);
        cli_buffer_format(out, ", %zu frame%s", sequence->count - sequence->duplicates,
                          sequence->count - sequence->duplicates == 1 ? "" : "s");
        if (sequence->step > 1)
            cli_buffer_format(out, ", step %llu", (unsigned long long)sequence->step);
    } else {
        cli_buffer_text(out, "no number");
    }
    cli_buffer_text(out, problems ? "\n" : ": good\n");
    if (sequence->holes && !state->ignore_holes) {
        cli_buffer_text(out, "  holes         ");
        each_hole(sequence, run_text, out);
        cli_buffer_format(out, " (%llu)\n", (unsigned long long)sequence->holes);
    }
    if (!state->ignore_duplicates)
        tell_duplicates(state, sequence);
    tell_faults(state, sequence);
    for (size_t i = 0; i < sequence->drift_count && !state->ignore_drift; i++)
        if (sequence->drifts[i].outlier_count)
            tell_drift(state, sequence, &sequence->drifts[i]);
    tell_varying(state, sequence);
    tell_sizes(state, sequence);
}

static void sequence_json(exr_tell *state, const exr_sequence *sequence, size_t problems)
{
    cli_buffer *out = &state->out;
    cli_buffer name = {0};
    exr_frame_pattern_text(sequence->frames, sequence->count, &name);
    cli_buffer_open(out, NULL, '{');
    cli_buffer_json_text(out, "sequence", name.data, name.size);
    cli_buffer_clear(&name);
    cli_buffer_json_count(out, "padding", exr_frame_padding(sequence->frames, sequence->count));
    if (sequence->frames[0].numbered) {
        cli_buffer_json_number(out, "first", sequence->first);
        cli_buffer_json_number(out, "last", sequence->last);
    }
    cli_buffer_json_count(out, "step", sequence->step);
    cli_buffer_json_count(out, "frames", sequence->count - sequence->duplicates);
    cli_buffer_json_count(out, "problems", problems);
    cli_buffer_open(out, "holes", '[');
    each_hole(sequence, run_json, out);
    cli_buffer_close(out, ']');
    tell_duplicates(state, sequence);
    tell_faults(state, sequence);
    cli_buffer_open(out, "drift", '[');
    for (size_t i = 0; i < sequence->drift_count; i++)
        if (sequence->drifts[i].outlier_count)
            tell_drift(state, sequence, &sequence->drifts[i]);
    cli_buffer_close(out, ']');
    tell_varying(state, sequence);
    cli_buffer_json_count(out, "median_bytes", sequence->median_bytes);
    tell_sizes(state, sequence);
    cli_buffer_close(out, '}');
}

void exr_sequence_tell(exr_tell *state, const exr_frame *frames, size_t count)
{
    exr_sequence sequence = {.frames = frames, .count = count};
    if (!exr_sequence_judge(&sequence)) {
        state->out.lost = true;
        return;
    }
    size_t problems = exr_sequence_problems(state, &sequence);
    state->problems += problems;
    if (problems || !state->bad_only) {
        if (state->json && state->out.comma)
            cli_buffer_text(&state->out, "\n");
        if (state->json)
            sequence_json(state, &sequence, problems);
        else
            sequence_text(state, &sequence, problems);
    }
    exr_drifts_free(sequence.drifts, sequence.drift_count);
    if (state->out.size) /* an empty buffer has no data */
        fwrite(state->out.data, 1, state->out.size, stdout);
    state->out.size = 0;
}
