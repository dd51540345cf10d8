/* SPDX-License-Identifier: Apache-2.0
 * What a sequence of frames is, and what is wrong with it: range, step, holes, faults, drift, sizes. */
#include "cli/exr_sequence.h"

#include <stdlib.h>
#include <string.h>

bool exr_frame_is_empty(const exr_frame *frame)
{
    return frame->result == SMALTI_E_FORMAT_TRUNCATED && frame->message && strstr(frame->message, "the file is empty");
}

bool exr_frame_is_odd(const exr_sequence *sequence, const exr_frame *frame)
{
    return frame->result == SMALTI_OK && sequence->count >= 5 &&
           (frame->bytes / 3 > sequence->median_bytes || frame->bytes < sequence->median_bytes / 3);
}

static int compare_sizes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool find_sizes(exr_sequence *sequence)
{
    size_t used = 0;
    uint64_t *sizes = malloc(sequence->count * sizeof *sizes);
    if (!sizes)
        return false;
    for (size_t i = 0; i < sequence->count; i++)
        if (sequence->frames[i].result == SMALTI_OK)
            sizes[used++] = sequence->frames[i].bytes;
    qsort(sizes, used, sizeof *sizes, compare_sizes);
    sequence->median_bytes = used ? sizes[used / 2] : 0;
    free(sizes);
    for (size_t i = 0; i < sequence->count; i++)
        sequence->odd_sizes += exr_frame_is_odd(sequence, &sequence->frames[i]);
    return true;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* Range, step, holes, duplicates. A step needs three frames: two have any. */
static void find_range(exr_sequence *sequence)
{
    uint64_t step = 0, distinct = 1;
    const exr_frame *frames = sequence->frames;
    sequence->first = frames[0].number;
    sequence->last = frames[sequence->count - 1].number;
    for (size_t i = 1; i < sequence->count; i++) {
        uint64_t distance = (uint64_t)frames[i].number - (uint64_t)frames[i - 1].number;
        step = common_divisor(step, distance);
        distinct += distance > 0;
        sequence->duplicates += !distance;
    }
    sequence->step = distinct >= 3 && step ? step : 1;
    uint64_t span = (uint64_t)sequence->last - (uint64_t)sequence->first;
    sequence->holes = frames[0].numbered ? span / sequence->step + 1 - distinct : 0;
}

bool exr_sequence_judge(exr_sequence *sequence)
{
    find_range(sequence);
    for (size_t i = 0; i < sequence->count; i++) {
        const exr_frame *frame = &sequence->frames[i];
        if (frame->result < 0) {
            if (exr_frame_is_empty(frame))
                sequence->empty++;
            else if (frame->result == SMALTI_E_FORMAT_TRUNCATED)
                sequence->truncated++;
            else
                sequence->unreadable++;
        } else {
            sequence->unfinished += frame->verdict == SMALTI_EXR_UNFINISHED;
            sequence->truncated += frame->verdict == SMALTI_EXR_TRUNCATED;
            sequence->damaged += frame->verdict == SMALTI_EXR_DAMAGED;
        }
    }
    if (!exr_drifts_find(sequence->frames, sequence->count, &sequence->drifts, &sequence->drift_count))
        return false;
    for (size_t i = 0; i < sequence->drift_count; i++)
        sequence->drifting += sequence->drifts[i].outlier_count > 0;
    return find_sizes(sequence);
}

size_t exr_sequence_problems(const exr_tell *state, const exr_sequence *sequence)
{
    return (state->ignore_holes ? 0 : sequence->holes > 0) + (state->ignore_duplicates ? 0 : sequence->duplicates > 0) +
           sequence->empty + sequence->unreadable + sequence->unfinished + sequence->truncated + sequence->damaged +
           (state->ignore_drift ? 0 : sequence->drifting);
}
