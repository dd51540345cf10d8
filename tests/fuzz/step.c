/* SPDX-License-Identifier: Apache-2.0
 * Any steps on any small image: six bytes of geometry, lines of a step each, an empty line, pixels. Strips of any height
 * give the same image, in the memory that was foreseen. Steps that load something (kernels, files) are left out. */
#include "step/collect.h"
#include "step/kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_STEPS = 8, MOST_PIXELS = 1 << 15 };

struct input {
    smalti__shape shape;
    uint32_t orientation, strip_rows;
    smalti__step steps[MOST_STEPS];
    size_t step_count;
    uint8_t *pixels; /* owned */
};

/* "NAME PARAMS" of size bytes; false when it is none, or loads something. */
static bool read_step(struct input *input, const uint8_t *line, size_t size)
{
    char text[256];
    smalti_error error;
    if (size >= sizeof text || input->step_count == MOST_STEPS)
        return false;
    memcpy(text, line, size);
    text[size] = '\0';
    char *params = strchr(text, ' ');
    if (params)
        *params++ = '\0';
    const smalti__step_kind *kind = smalti__step_kind_find(text);
    if (!kind || kind->prepare)
        return false;
    smalti__step *step = &input->steps[input->step_count];
    smalti__step_init(step, kind);
    if (smalti__step_parse(step, params, &error) < 0 || (kind->check && kind->check(step, &error) < 0)) {
        smalti__step_clear(step);
        return false;
    }
    input->step_count++;
    return true;
}

static bool read_input(struct input *input, const uint8_t *data, size_t size)
{
    static const smalti_sample samples[] = {SMALTI_SAMPLE_U8, SMALTI_SAMPLE_U16, SMALTI_SAMPLE_F32};
    if (size < 6)
        return false;
    input->shape = (smalti__shape){1 + data[0] % 80, 1 + data[1] % 80, 1 + data[2] % 4, samples[data[3] % 3], false};
    input->orientation = 1 + data[4] % 8;
    input->strip_rows = data[5] % 20;
    data += 6, size -= 6;
    for (;;) {
        const uint8_t *end = memchr(data, '\n', size);
        if (!end)
            return false;
        size_t length = (size_t)(end - data);
        if (length && !read_step(input, data, length))
            return false;
        data += length + 1, size -= length + 1;
        if (!length)
            break;
    }
    size_t bytes = input->shape.width * smalti__pixel_bytes(&input->shape) * input->shape.height;
    input->pixels = malloc(bytes);
    for (size_t i = 0; input->pixels && i < bytes; i++)
        input->pixels[i] = size ? data[i % size] : 0;
    return input->pixels;
}

/* Runs it; *image is owned on success. */
static smalti_result run(const struct input *input, uint32_t strip_rows, smalti_image *image)
{
    static smalti__program program;
    smalti_error error;
    smalti_stats stats = {0};
    smalti__pool pool = {0};
    smalti__collector collector = {.sample = input->shape.sample};
    smalti__flow *flow = NULL;
    const smalti__flow_setup setup = {
        .steps = input->steps,
        .step_count = input->step_count,
        .in = input->shape,
        .pushed = input->shape,
        .orientation = input->orientation,
        .strip_rows = strip_rows,
        .max_pixels = MOST_PIXELS,
        .pool = &pool,
        .stats = &stats,
        .begin = smalti__collect_begin,
        .emit = smalti__collect_rows,
        .user = &collector,
    };
    size_t bytes = 0;
    smalti_result result = smalti__flow_program(&setup, &program, &error);
    smalti__shape last = program.shape;
    last.sample = input->shape.sample;
    if (result == SMALTI_OK && (result = smalti__program_convert(&program, &last, &error)) == SMALTI_OK)
        result = smalti__flow_bytes(&setup, &program, &last, &bytes, &error);
    bool trims = false; /* what follows a trim may need more, and asks for it */
    for (size_t i = 0; i < input->step_count; i++)
        trims = trims || input->steps[i].kind == &smalti__step_trim;
    if (result == SMALTI_OK)
        result = smalti__flow_open(&setup, &flow, &error);
    if (result == SMALTI_OK)
        result = smalti__flow_push(flow, input->pixels, input->shape.width * smalti__pixel_bytes(&input->shape),
                                   input->shape.height, &error);
    smalti__flow_close(flow);
    if (pool.used_bytes || (result == SMALTI_OK && !trims && pool.peak_used_bytes > bytes) ||
        (result == SMALTI_OK && collector.row != collector.image.height))
        abort();
    smalti__pool_trim(&pool, 0);
    if (result < 0)
        smalti_image_free(&collector.image);
    else
        *image = collector.image;
    return result;
}

static void compare(const smalti_image *a, const smalti_image *b)
{
    size_t bytes = (size_t)a->width * a->channels * smalti_sample_bytes(a->sample);
    if (a->width != b->width || a->height != b->height || a->channels != b->channels)
        abort();
    for (size_t y = 0; y < a->height; y++)
        if (memcmp((const uint8_t *)a->data + y * a->pitch, (const uint8_t *)b->data + y * b->pitch, bytes))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {0};
    if (read_input(&input, data, size)) {
        smalti_image once = {0}, again = {0};
        smalti_result result = run(&input, 0, &once);
        if (run(&input, input.strip_rows, &again) != result)
            abort();
        if (result == SMALTI_OK)
            compare(&once, &again);
        smalti_image_free(&once);
        smalti_image_free(&again);
    }
    for (size_t i = 0; i < input.step_count; i++)
        smalti__step_clear(&input.steps[i]);
    free(input.pixels);
    return 0;
}
