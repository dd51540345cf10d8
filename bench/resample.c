/* SPDX-License-Identifier: Apache-2.0
 * bench-resample [ROUNDS [NAME]]: how fast images in memory are scaled, on one thread: megapixels of the input a second, medians,
 * at every processor level. For bench/peers/resample.py, of u8 samples and Lanczos 3: bench-resample raw FILE WIDTH HEIGHT
 * CHANNELS OUT-WIDTH OUT-HEIGHT OUT-FILE scales once for each line on standard input and answers with the wall and CPU nanoseconds it
 * took; with psnr, it prints for OUT-FILE… how near each is to the same in floats, 8 pixels from the edges on, in dB. */
#include <math.h>

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
    {"RGB f32 6 MP, linear light", 3000, 2000, 3, SMALTI_SAMPLE_F32, 800, 533, SMALTI__FILTER_LANCZOS3, true},
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

typedef struct job {
    smalti__resample_setup setup;
    smalti__pool pool;
    uint8_t *data, *result;
    size_t in_bytes, out_bytes;
} job;

static int read_file(const char *name, uint8_t *data, size_t size)
{
    FILE *file = fopen(name, "rb");
    bool good = file && fread(data, 1, size, file) == size;
    if (file)
        fclose(file);
    return good ? 0 : (fprintf(stderr, "bench-resample: %s cannot be read\n", name), 1);
}

static int make_job(char **argv, job *j)
{
    uint32_t number[5];
    for (int i = 0; i < 5; i++)
        number[i] = (uint32_t)strtoul(argv[3 + i], NULL, 10);
    j->in_bytes = (size_t)number[0] * number[1] * number[2], j->out_bytes = (size_t)number[3] * number[4] * number[2];
    j->data = malloc(j->in_bytes), j->result = malloc(j->out_bytes);
    j->setup = (smalti__resample_setup){.in = {number[0], number[1], number[2], SMALTI_SAMPLE_U8, false},
                                        .out_width = number[3],
                                        .out_height = number[4],
                                        .width = number[0],
                                        .height = number[1],
                                        .filter = SMALTI__FILTER_LANCZOS3,
                                        .pool = &j->pool,
                                        .emit = keep};
    return j->data && j->result ? read_file(argv[2], j->data, j->in_bytes) : 1;
}

static int serve(char **argv)
{
    job j = {0};
    if (make_job(argv, &j))
        return 1;
    keeper k = {.row_bytes = (size_t)j.setup.out_width * j.setup.in.channels};
    j.setup.user = &k;
    for (int c = getchar(); c != EOF; c = getchar())
        if (c == '\n') {
            k.next = j.result;
            uint64_t cpu = smalti__thread_cpu_ns(), wall = scale(&j.setup, j.data, NULL);
            printf("%llu %llu\n", (unsigned long long)wall, (unsigned long long)(smalti__thread_cpu_ns() - cpu));
            fflush(stdout);
        }
    FILE *file = fopen(argv[8], "wb");
    if (!file || fwrite(j.result, 1, j.out_bytes, file) != j.out_bytes || fclose(file))
        return fprintf(stderr, "bench-resample: %s cannot be written\n", argv[8]), 1;
    return 0;
}

/* What weighs colours by alpha is compared where colours can be seen: as they are, times alpha. */
static double shown(const void *pixel, smalti_sample sample, uint32_t channels, uint32_t channel)
{
    bool bytes = sample == SMALTI_SAMPLE_U8;
    double v = bytes ? ((const uint8_t *)pixel)[channel] : ((const float *)pixel)[channel] * 255;
    v = v < 0 ? 0 : v > 255 ? 255 : v;
    if (channels % 2 || channel + 1 == channels)
        return v;
    double alpha = bytes ? ((const uint8_t *)pixel)[channels - 1] / 255.0 : ((const float *)pixel)[channels - 1];
    return v * (alpha < 0 ? 0 : alpha > 1 ? 1 : alpha);
}

static int compare_files(int count, char **argv)
{
    enum { EDGE = 8 };
    job j = {0};
    if (make_job(argv, &j))
        return 1;
    uint32_t channels = j.setup.in.channels, width = j.setup.out_width, height = j.setup.out_height;
    float *floats = malloc(j.in_bytes * sizeof *floats), *exact = malloc(j.out_bytes * sizeof *exact);
    if (!floats || !exact)
        return 1;
    for (size_t i = 0; i < j.in_bytes; i++)
        floats[i] = j.data[i] / 255.0f;
    keeper k = {(uint8_t *)exact, (size_t)width * channels * sizeof *exact};
    j.setup.in.sample = SMALTI_SAMPLE_F32, j.setup.user = &k;
    scale(&j.setup, (const uint8_t *)floats, NULL);
    for (int f = 0; f < count; f++) {
        double sum = 0, samples = 0;
        if (read_file(argv[8 + f], j.result, j.out_bytes))
            return 1;
        for (uint32_t y = EDGE; y + EDGE < height; y++)
            for (uint32_t x = EDGE; x + EDGE < width; x++)
                for (uint32_t c = 0; c < channels; c++, samples++) {
                    size_t at = ((size_t)y * width + x) * channels;
                    double d = shown(j.result + at, SMALTI_SAMPLE_U8, channels, c) -
                               shown(exact + at, SMALTI_SAMPLE_F32, channels, c);
                    sum += d * d;
                }
        printf("%.2f\n", 10 * log10(255.0 * 255 * samples / sum));
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 9 && strcmp(argv[1], "raw") == 0)
        return serve(argv);
    if (argc >= 9 && strcmp(argv[1], "psnr") == 0)
        return compare_files(argc - 8, argv);
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
