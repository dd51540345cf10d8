/* SPDX-License-Identifier: Apache-2.0
 * bench-resample [ROUNDS [NAME]]: how fast images in memory are scaled, on one thread: megapixels of the input a second, medians,
 * at every processor level. bench-resample raw FILE WIDTH HEIGHT CHANNELS OUT-WIDTH OUT-HEIGHT OUT-FILE: for
 * bench/peers/resample.py: scales u8 samples with Lanczos 3 once for each line on standard input, and answers with the
 * nanoseconds it took. */
#include "pixel/resample.h"
#include "pixel/resample_rows.h"

typedef struct work {
    const char *name;
    uint32_t width, height, channels;
    smalti_sample sample;
    uint32_t out_width, out_height;
    smalti__filter filter;
    bool linear;
} work;

static const work works[] = {
    {"RGB8 24 MP to 800, Lanczos 3", 6000, 4000, 3, SMALTI_SAMPLE_U8, 800, 533, SMALTI__FILTER_LANCZOS3},
    {"RGB8 24 MP to 3000, Lanczos 3", 6000, 4000, 3, SMALTI_SAMPLE_U8, 3000, 2000, SMALTI__FILTER_LANCZOS3},
    {"RGB8 24 MP to 100, Lanczos 3", 6000, 4000, 3, SMALTI_SAMPLE_U8, 100, 67, SMALTI__FILTER_LANCZOS3},
    {"RGB8 24 MP to 800, Catmull-Rom", 6000, 4000, 3, SMALTI_SAMPLE_U8, 800, 533, SMALTI__FILTER_CATMULL_ROM},
    {"RGB8 24 MP to 800, linear", 6000, 4000, 3, SMALTI_SAMPLE_U8, 800, 533, SMALTI__FILTER_LINEAR},
    {"RGB8 24 MP to 800, nearest", 6000, 4000, 3, SMALTI_SAMPLE_U8, 800, 533, SMALTI__FILTER_NEAREST},
    {"RGB8 24 MP to 800, linear light", 6000, 4000, 3, SMALTI_SAMPLE_U8, 800, 533, SMALTI__FILTER_LANCZOS3, true},
    {"RGBA8 24 MP to 800", 6000, 4000, 4, SMALTI_SAMPLE_U8, 800, 533, SMALTI__FILTER_LANCZOS3},
    {"gray8 24 MP to 800", 6000, 4000, 1, SMALTI_SAMPLE_U8, 800, 533, SMALTI__FILTER_LANCZOS3},
    {"RGB16 24 MP to 800", 6000, 4000, 3, SMALTI_SAMPLE_U16, 800, 533, SMALTI__FILTER_LANCZOS3},
    {"RGB f32 6 MP to 800", 3000, 2000, 3, SMALTI_SAMPLE_F32, 800, 533, SMALTI__FILTER_LANCZOS3},
    {"RGB8 0.7 MP twice as large", 1000, 667, 3, SMALTI_SAMPLE_U8, 2000, 1334, SMALTI__FILTER_LANCZOS3},
    {"luma 600 × 400 to 320", 600, 400, 1, SMALTI_SAMPLE_U8, 320, 213, SMALTI__FILTER_LANCZOS3},
    {"chroma 300 × 200 to 160", 300, 200, 1, SMALTI_SAMPLE_U8, 160, 107, SMALTI__FILTER_LANCZOS3},
};

static smalti_result discard(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    (void)user, (void)rows, (void)pitch, (void)count, (void)error;
    return SMALTI_OK;
}

typedef struct keeper {
    uint8_t *next;
    size_t row_bytes;
} keeper;

static smalti_result keep(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    keeper *k = user;
    (void)error;
    for (uint32_t i = 0; i < count; i++, k->next += k->row_bytes)
        memcpy(k->next, (const uint8_t *)rows + i * pitch, k->row_bytes);
    return SMALTI_OK;
}

/* Nanoseconds of one scaling, rows pushed 16 at a time. */
static uint64_t scale(const smalti__resample_setup *setup, const uint8_t *data, uint64_t *open_ns)
{
    smalti_error error = {0};
    smalti__resample *resample;
    size_t pitch = setup->in.width * smalti__pixel_bytes(&setup->in);
    uint64_t start = smalti__now_ns();
    smalti_result result = smalti__resample_open(setup, &resample, &error);
    if (open_ns)
        *open_ns = smalti__now_ns() - start;
    for (uint32_t y = 0; result == SMALTI_OK && y < setup->in.height; y += 16) {
        uint32_t count = setup->in.height - y < 16 ? setup->in.height - y : 16;
        result = smalti__resample_push(resample, data + y * pitch, pitch, count, &error);
    }
    if (result != SMALTI_OK) {
        fprintf(stderr, "bench-resample: %s\n", error.message);
        exit(1);
    }
    smalti__resample_close(resample);
    return smalti__now_ns() - start;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void run(const work *w, int rounds, const uint8_t *data)
{
    static const uint32_t masks[] = {0, SMALTI__RESAMPLE_SSE4, UINT32_MAX};
    smalti__pool pool = {0};
    smalti__resample_setup setup = {.in = {w->width, w->height, w->channels, w->sample, false},
                                    .out_width = w->out_width,
                                    .out_height = w->out_height,
                                    .width = w->width,
                                    .height = w->height,
                                    .filter = w->filter,
                                    .linear = w->linear,
                                    .pool = &pool,
                                    .emit = discard};
    uint64_t times[1000], open_ns = 0;
    size_t bytes = 0;
    printf("%-32s", w->name);
    for (size_t m = 0; m < SMALTI__COUNT(masks); m++) {
        smalti__resample_allow(masks[m]);
        scale(&setup, data, &open_ns);
        for (int i = 0; i < rounds; i++)
            times[i] = scale(&setup, data, &open_ns);
        qsort(times, (size_t)rounds, sizeof *times, compare);
        printf("%9.0f", 1e3 * w->width * w->height / (double)times[rounds / 2]);
        fflush(stdout);
    }
    if (smalti__resample_bytes(&setup, &bytes, NULL) != SMALTI_OK)
        exit(1);
    printf("%10.2f%8.0f%8.0f\n", (double)times[rounds / 2] / 1e6, (double)open_ns / 1e3, (double)bytes / 1024);
    smalti__pool_trim(&pool, 0);
}

static uint8_t *noise(size_t bytes)
{
    uint8_t *data = malloc(bytes);
    uint32_t seed = 1;
    for (size_t i = 0; data && i < bytes; i++)
        seed = seed * 1664525u + 1013904223u, data[i] = (uint8_t)(seed >> 24);
    return data;
}

static int serve(char **argv)
{
    uint32_t number[5];
    for (int i = 0; i < 5; i++)
        number[i] = (uint32_t)strtoul(argv[3 + i], NULL, 10);
    size_t size = (size_t)number[0] * number[1] * number[2], out = (size_t)number[3] * number[4] * number[2];
    uint8_t *data = malloc(size), *result = malloc(out);
    FILE *file = fopen(argv[2], "rb");
    if (!data || !result || !file || fread(data, 1, size, file) != size)
        return fprintf(stderr, "bench-resample: %s cannot be read\n", argv[2]), 1;
    fclose(file);
    smalti__pool pool = {0};
    keeper k = {.row_bytes = (size_t)number[3] * number[2]};
    smalti__resample_setup setup = {.in = {number[0], number[1], number[2], SMALTI_SAMPLE_U8, false},
                                    .out_width = number[3],
                                    .out_height = number[4],
                                    .width = number[0],
                                    .height = number[1],
                                    .filter = SMALTI__FILTER_LANCZOS3,
                                    .pool = &pool,
                                    .emit = keep,
                                    .user = &k};
    for (int c = getchar(); c != EOF; c = getchar())
        if (c == '\n') {
            k.next = result;
            printf("%llu\n", (unsigned long long)scale(&setup, data, NULL));
            fflush(stdout);
        }
    file = fopen(argv[8], "wb");
    if (!file || fwrite(result, 1, out, file) != out || fclose(file))
        return fprintf(stderr, "bench-resample: %s cannot be written\n", argv[8]), 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 9 && strcmp(argv[1], "raw") == 0)
        return serve(argv);
    int rounds = argc > 1 ? atoi(argv[1]) : 9;
    rounds = rounds < 1 ? 1 : rounds > 1000 ? 1000 : rounds;
    uint8_t *data = noise((size_t)6000 * 4000 * 6);
    float *floats = calloc((size_t)3000 * 2000 * 3, sizeof *floats);
    if (!data || !floats)
        return 1;
    for (size_t i = 0; i < (size_t)3000 * 2000 * 3; i++)
        floats[i] = data[i] / 255.0f;
    printf("megapixels of the input a second%9s%9s%9s%10s%8s%8s\n", "C", "SSE4.1", "AVX2", "best ms", "open µs", "KiB");
    for (size_t i = 0; i < SMALTI__COUNT(works); i++)
        if (argc < 3 || strstr(works[i].name, argv[2]))
            run(&works[i], rounds, works[i].sample == SMALTI_SAMPLE_F32 ? (const uint8_t *)floats : data);
    free(data), free(floats);
    return 0;
}
