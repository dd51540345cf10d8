/* SPDX-License-Identifier: Apache-2.0
 * Bad inputs through the public interface: whatever the bytes, an error that reads well or an image of the right size. */
#include "test.h"
#include "files.h"
#include "jpeg_make.h"
#include "png_make.h"

#include <smalti/smalti.h>
#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

enum { WIDTH = 61, HEIGHT = 47, SEEDS_MAX = 12, MUTATIONS = 2000 };

/* A good file. */
struct seed {
    const char *name;
    uint8_t *data;
    size_t size;
};
static struct seed seeds[SEEDS_MAX];
static size_t seed_count;

static bool is_png(const uint8_t *data, size_t size)
{
    return size >= 33 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8);
}

static void add_png(const char *name, png_spec spec)
{
    struct seed *seed = &seeds[seed_count++];
    spec.width = WIDTH, spec.height = HEIGHT, spec.filter = 5;
    spec.idat_bytes = 500; /* borders of chunks are mutated too */
    png_made made = make_png(&spec);
    seed->name = name;
    seed->data = made.file.data;
    seed->size = made.file.size;
    made.file = (bytes){0};
    free_made(&made);
}

static void add_jpeg(const char *name, jpeg_spec spec)
{
    struct seed *seed = &seeds[seed_count++];
    spec.width = WIDTH, spec.height = HEIGHT;
    seed->name = name;
    seed->data = make_jpeg(&spec, NULL, &seed->size);
}

static void free_seeds(void)
{
    while (seed_count)
        free(seeds[--seed_count].data);
}

static void make_seeds(void)
{
    if (seed_count)
        return;
    atexit(free_seeds);
    add_png("rgb.png", (png_spec){.color = 2, .depth = 8});
    add_png("rgba16.png", (png_spec){.color = 6, .depth = 16});
    add_png("gray.png", (png_spec){.color = 0, .depth = 8});
    add_png("interlaced.png", (png_spec){.color = 2, .depth = 8, .interlaced = true});
    add_png("palette.png", (png_spec){.color = 3, .depth = 8, .transparent = true});
    add_png("bits.png", (png_spec){.color = 0, .depth = 2, .interlaced = true});
    add_jpeg("color.jpg", (jpeg_spec){.components = 3, .h = 2, .v = 2});
    add_jpeg("gray.jpg", (jpeg_spec){.components = 1});
    add_jpeg("progressive.jpg", (jpeg_spec){.components = 3, .h = 2, .v = 1, .progressive = true});
    add_jpeg("restarts.jpg", (jpeg_spec){.components = 3, .restart_rows = 1});
    add_jpeg("cmyk.jpg", (jpeg_spec){.components = 4});
}

/* An error about input: its class, and a message of one line that names it. */
static void check_error(const char *name, int result, const smalti_error *error)
{
    int class = smalti_result_class(result);
    if (class < 2 || class > 4)
        TEST_FAIL("%s: result %d: %s", name, result, error->message);
    if (error->code != result || strncmp(error->message, name, strlen(name)) || strpbrk(error->message, "\n\r"))
        TEST_FAIL("%s: result %d with code %d, \"%s\"", name, result, error->code, error->message);
}

/* Reads every sample: memory that is not there would be noticed by the sanitizers. */
static unsigned long touch(const smalti_image *image)
{
    unsigned long sum = 0;
    size_t row = (size_t)image->width * image->channels * smalti_sample_bytes(image->sample);
    for (uint32_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < row; x++)
            sum += ((const uint8_t *)image->data)[y * image->pitch + x];
    return sum;
}

/* Whether the size is what stands in the header of a PNG, or what the head reader, which is strict, says of a JPEG. */
static bool has_size(const uint8_t *data, size_t size, const smalti_image *image)
{
    smalti_error error;
    smalti_info info;
    if (is_png(data, size))
        return image->width == smalti__be32(data + 16) && image->height == smalti__be32(data + 20);
    if (smalti_info_read_memory(data, size, "again", &info, &error))
        return true;
    bool turned = info.orientation > 4;
    return image->width == (turned ? info.height : info.width) && image->height == (turned ? info.width : info.height);
}

/* Everything that reads bytes of a file reads these. Returns whether they are an image. */
static bool try_bytes(const smalti_plan *plan, const uint8_t *data, size_t size, const char *name)
{
    smalti_error error = {0};
    smalti_image image = {0};
    smalti_info info;
    int head = smalti_info_read_memory(data, size, name, &info, &error);
    if (head)
        check_error(name, head, &error);
    int result = smalti_image_read_memory(data, size, name, &image, &error);
    if (result) {
        check_error(name, result, &error);
        CHECK(!image.data);
    } else {
        bool same = !head && has_size(data, size, &image);
        touch(&image);
        smalti_image_free(&image);
        if (!same)
            TEST_FAIL("%s: not the size that its header says", name);
    }
    void *out = NULL;
    size_t out_size;
    const smalti_run_options one = {.size = sizeof one, .jobs = 1};
    int ran = smalti_plan_run_memory(plan, &one, data, size, name, &out, &out_size, NULL, &error);
    if (ran) {
        check_error(name, ran, &error);
        CHECK(!out);
        if (!result)
            TEST_FAIL("%s can be read but not run: %s", name, error.message);
        return false;
    }
    int again = smalti_image_read_memory(out, out_size, "output", &image, &error);
    free(out);
    CHECK_OK(again, error);
    bool same = has_size(data, size, &image);
    smalti_image_free(&image);
    if (!same)
        TEST_FAIL("%s: its output is not of the size that its header says", name);
    return result == SMALTI_OK;
}

static smalti_plan *plans[2];

static void free_plans(void)
{
    smalti_plan_free(plans[0]);
    smalti_plan_free(plans[1]);
}

/* A plan that gives PNG files. */
static const smalti_plan *plan_of(bool lenient)
{
    if (!plans[lenient]) {
        smalti_error error;
        smalti_job *job;
        if (!plans[!lenient])
            atexit(free_plans);
        CHECK_OK(smalti_job_new(&job, &error), error);
        int result = smalti_job_kernel_add(job, "invert", NULL, &error);
        result = result ? result : smalti_job_set(job, "output.format", "png", &error);
        result = result ? result : smalti_job_set(job, "output.dir", "out", &error);
        result = result ? result : smalti_job_set(job, "input.lenient", lenient ? "true" : "false", &error);
        result = result ? result : smalti_plan_new(job, &plans[lenient], &error);
        smalti_job_free(job);
        CHECK_OK(result, error);
    }
    return plans[lenient];
}

TEST("the files that are made bad below are good")
{
    make_seeds();
    for (size_t i = 0; i < seed_count; i++)
        for (int lenient = 0; lenient < 2; lenient++)
            if (!try_bytes(plan_of(lenient), seeds[i].data, seeds[i].size, seeds[i].name))
                TEST_FAIL("%s is not good", seeds[i].name);
}

TEST("nothing, one byte and noise are errors")
{
    uint8_t noise[4096];
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)next_random(&random);
    static const size_t sizes[] = {0, 1, 2, 7, 8, 100, sizeof noise};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        CHECK(!try_bytes(plan_of(false), noise, sizes[i], "noise"));
}

/* A copy of just that size, so that the sanitizers see a byte read behind it. */
static uint8_t *copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    return copy;
}

TEST("a file cut at any sixteenth is an error, and lenient reading gives an error or a whole image")
{
    make_seeds();
    for (size_t i = 0; i < seed_count; i++) {
        for (size_t k = 0; k < 16; k++) {
            size_t size = seeds[i].size * k / 16;
            uint8_t *cut = copy_of(seeds[i].data, size);
            bool good = try_bytes(plan_of(false), cut, size, seeds[i].name);
            if (!good) {
                void *out = NULL;
                size_t out_size;
                smalti_error error;
                int result = smalti_plan_run_memory(plan_of(true), NULL, cut, size, seeds[i].name, &out, &out_size,
                                                    NULL, &error);
                free(out);
                if (result)
                    check_error(seeds[i].name, result, &error);
            }
            free(cut);
            if (good)
                TEST_FAIL("%s: cut to %zu bytes of %zu and not noticed", seeds[i].name, size, seeds[i].size);
        }
    }
}

TEST("a wrong first byte is a format that nobody knows")
{
    make_seeds();
    for (size_t i = 0; i < seed_count; i++) {
        smalti_error error;
        smalti_image image;
        uint8_t *bad = copy_of(seeds[i].data, seeds[i].size);
        bad[0] ^= 0x20;
        int result = smalti_image_read_memory(bad, seeds[i].size, seeds[i].name, &image, &error);
        free(bad);
        CHECK_INT(result, SMALTI_E_FORMAT_UNKNOWN);
    }
}

TEST("a wrong checksum in any critical chunk of a PNG is an error that says so")
{
    make_seeds();
    for (size_t i = 0; i < seed_count; i++) {
        if (!is_png(seeds[i].data, seeds[i].size))
            continue;
        for (size_t at = 8; at + 12 <= seeds[i].size;) {
            size_t end = at + 12 + smalti__be32(seeds[i].data + at);
            bool critical = !(seeds[i].data[at + 4] & 0x20);
            uint8_t *bad = copy_of(seeds[i].data, seeds[i].size);
            smalti_error error = {0};
            smalti_image image = {0};
            bad[end - 1] ^= 1;
            int result = smalti_image_read_memory(bad, seeds[i].size, seeds[i].name, &image, &error);
            free(bad);
            smalti_image_free(&image);
            if (critical && result != SMALTI_E_FORMAT_CHECKSUM)
                TEST_FAIL("%s: chunk %.4s: result %d: %s", seeds[i].name, seeds[i].data + at + 4, result,
                          error.message);
            at = end;
        }
    }
}

TEST("huge dimensions in a tiny file are refused without taking the memory for them")
{
    static const uint32_t sizes[][2] = {{0x7fffffff, 0x7fffffff},
                                        {0x80000000, 1},
                                        {0xffffffff, 0xffffffff},
                                        {1000000, 1000000},
                                        {65535, 65535},
                                        {16383, 16383},
                                        {0, 1},
                                        {1, 0}};
    make_seeds();
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    for (size_t i = 0; i < seed_count; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            uint8_t *bad = copy_of(seeds[i].data, seeds[i].size);
            if (is_png(bad, seeds[i].size)) {
                smalti__put_be32(bad + 16, sizes[k][0]);
                smalti__put_be32(bad + 20, sizes[k][1]);
                smalti__put_be32(bad + 29, libdeflate_crc32(0, bad + 12, 17));
            } else {
                for (size_t at = 2; at + 9 < seeds[i].size; at += 2 + (size_t)(bad[at + 2] << 8 | bad[at + 3])) {
                    if (bad[at] != 0xff || bad[at + 1] < 0xc0 || bad[at + 1] > 0xc2)
                        continue;
                    bad[at + 5] = (uint8_t)(sizes[k][1] >> 8), bad[at + 6] = (uint8_t)sizes[k][1];
                    bad[at + 7] = (uint8_t)(sizes[k][0] >> 8), bad[at + 8] = (uint8_t)sizes[k][0];
                    break;
                }
            }
            bool good = try_bytes(plan_of(false), bad, seeds[i].size, seeds[i].name);
            free(bad);
            if (good)
                TEST_FAIL("%s: %u × %u pixels were found in it", seeds[i].name, sizes[k][0], sizes[k][1]);
        }
    }
    getrusage(RUSAGE_SELF, &after);
    /* memory that is taken and not touched is the system's to grant; sanitizers touch their map of it */
    CHECK(SANITIZED || after.ru_maxrss - before.ru_maxrss < 200 << 10);
}

/* One random change; *size may grow by up to 64 and data has room for it. */
static void mutate(uint8_t *data, size_t *size, uint32_t *random)
{
    size_t at = *size ? next_random(random) % *size : 0, left = *size - at;
    size_t length = 1 + next_random(random) % 64;
    length = length < left ? length : left;
    size_t from = *size ? next_random(random) % (*size - length + 1) : 0;
    if (!length)
        return;
    switch (next_random(random) % 8) {
    case 0: /* a bit */
        data[at] ^= (uint8_t)(1u << next_random(random) % 8);
        break;
    case 1: /* a byte */
        data[at] = (uint8_t)next_random(random);
        break;
    case 2: /* the ends of ranges */
        data[at] = next_random(random) & 1 ? 0xff : 0;
        break;
    case 3: /* a block from elsewhere */
        memmove(data + at, data + from, length);
        break;
    case 4: /* two blocks exchanged */
        for (size_t i = 0; i < length; i++) {
            uint8_t swap = data[at + i];
            data[at + i] = data[from + i], data[from + i] = swap;
        }
        break;
    case 5: /* an insertion */
        memmove(data + at + length, data + at, left);
        *size += length;
        break;
    case 6: /* a deletion */
        memmove(data + at, data + at + length, left - length);
        *size -= length;
        break;
    default: /* the end cut off, mostly a little of it */
        *size -= next_random(random) % 4 ? length : left;
    }
}

/* So that what is inside is looked at, and not only the checksum. */
static void repair_checksums(uint8_t *data, size_t size)
{
    for (size_t at = 8; size >= 12 && at <= size - 12;) {
        size_t content = smalti__be32(data + at);
        if (content > size - at - 12)
            break;
        smalti__put_be32(data + at + 8 + content, libdeflate_crc32(0, data + at + 4, content + 4));
        at += 12 + content;
    }
}

TEST("2,000 mutated files are errors, or images of the size that their headers say")
{
    enum { CHANGES = 6, ROOM = CHANGES * 64 };
    make_seeds();
    int good = 0;
    for (uint64_t i = 0; i < MUTATIONS; i++) {
        const struct seed *seed = &seeds[i % seed_count];
        uint32_t random = (uint32_t)i * 7919 + 1;
        uint8_t *data = malloc(seed->size + ROOM);
        size_t size = seed->size;
        memcpy(data, seed->data, size);
        for (uint32_t n = 1 + next_random(&random) % CHANGES; n; n--)
            mutate(data, &size, &random);
        if (i / seed_count % 2 && is_png(data, size))
            repair_checksums(data, size);
        uint8_t *exact = copy_of(data, size);
        free(data);
        char name[64];
        snprintf(name, sizeof name, "mutation %d of %s", (int)i, seed->name);
        good += try_bytes(plan_of(i % 3 == 0), exact, size, name);
        free(exact);
    }
    CHECK(good > 20 && good < MUTATIONS); /* else the mutations test only the first check of a header */
}

/* ---- a file that is truncated while a run reads it from its map ---- */

struct cutter {
    const char *path;
    off_t to;
    int cuts;
};

/* The first progress comes behind the first strip. */
static void cut_at_first_progress(void *user, const smalti_event *event)
{
    struct cutter *cutter = user;
    if (event->kind == SMALTI_EVENT_PROGRESS && !cutter->cuts)
        cutter->cuts += !truncate(cutter->path, cutter->to);
}

/* A file of more than 1 MiB, which is mapped: noise, which does not compress. */
static uint8_t *large_noise(const char *format, size_t *size)
{
    smalti_error error;
    smalti_image image = {.width = 640, .height = 640, .channels = 3, .sample = SMALTI_SAMPLE_U8};
    smalti_encode_options options = {.size = sizeof options, .quality = 100, .subsampling = 444, .png_effort = 1};
    void *data;
    uint32_t random = 3;
    snprintf(options.format, sizeof options.format, "%s", format);
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (uint32_t y = 0; y < image.height; y++)
        for (uint32_t x = 0; x < image.width * 3; x++)
            ((uint8_t *)image.data)[y * image.pitch + x] = (uint8_t)(next_random(&random) >> 12);
    int result = smalti_image_write_memory(&image, &options, &data, size, &error);
    smalti_image_free(&image);
    CHECK_OK(result, error);
    return data;
}

static void cut_while_running(const char *name, const char *format, int rounds)
{
    smalti_error error = {0};
    size_t size;
    uint8_t *data = large_noise(format, &size);
    char path[512], folder[512];
    snprintf(path, sizeof path, "%s", file_path(name));
    snprintf(folder, sizeof folder, "%s", file_path("cut-out"));
    smalti_job *job;
    smalti_plan *plan = NULL;
    int result = smalti_job_new(&job, &error);
    result = result ? result : smalti_job_input_add(job, path, &error);
    result = result ? result : smalti_job_kernel_add(job, "invert", NULL, &error);
    result = result ? result : smalti_job_set(job, "output.dir", folder, &error);
    bool written = file_write(path, data, size);
    result = result ? result : smalti_plan_new(job, &plan, &error);
    smalti_job_free(job);
    int good = 0, wrong = 0;
    for (int i = 0; i < rounds && !result && written; i++) {
        struct cutter cutter = {.path = path, .to = (off_t)(size * (size_t)(i % 97) / 97)};
        const smalti_run_options options = {
            .size = sizeof options, .jobs = 1, .event = cut_at_first_progress, .user = &cutter};
        unlink(path); /* ext4 writes a file that is truncated and filled again to the disk at once */
        written = file_write(path, data, size);
        int ran = smalti_plan_run(plan, &options, NULL, &error);
        if (ran == SMALTI_E_IO_CHANGED && cutter.cuts == 1 && file_count(folder) <= 0 &&
            strstr(error.message, ": truncated while it was read"))
            good++;
        else
            wrong = ran;
    }
    smalti_plan_free(plan);
    free(data);
    CHECK_OK(result, error);
    CHECK(written);
    if (size <= 1 << 20)
        TEST_FAIL("%s: %zu bytes are read, not mapped", name, size);
    if (good != rounds)
        TEST_FAIL("%d of %d rounds; one gave %d: %s", good, rounds, wrong, error.message);
}

TEST("a file truncated while a run reads it is a typed error, 1,000 times, and nothing is written")
{
    cut_while_running("cut.png", "png", 700);
    cut_while_running("cut.jpg", "jpeg", 300);
}
