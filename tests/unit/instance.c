/* SPDX-License-Identifier: Apache-2.0
 * Calls of kernels: good ones, and every way a kernel may misbehave; a good kernel works after each. */
#include "kernel/instance.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel_files.h"
#include "wasm_build.h"

#include <smalti_kernel.h>

enum { WIDTH = 37, HEIGHT = 5, PITCH = 64 };

/* Calls a tile kernel in rows 32…36 of an image and checks that *change comes out. */
static smalti_result run_tile(smalti__instance *instance, uint8_t (*change)(uint8_t), smalti_error *error)
{
    smalti__region src, dst;
    SMALTI__TRY(smalti__instance_region(instance, PITCH * HEIGHT, &src, error));
    SMALTI__TRY(smalti__instance_region(instance, PITCH * HEIGHT, &dst, error));
    for (int i = 0; i < PITCH * HEIGHT; i++)
        src.host[i] = (uint8_t)(i * 7 + 1), dst.host[i] = 0xee;
    smalti__tile tile = {.sample = SMALTI_SAMPLE_U8,
                         .channels = 1,
                         .dst_channels = 1,
                         .width = WIDTH,
                         .height = HEIGHT,
                         .y = 32,
                         .image_width = WIDTH,
                         .image_height = 100,
                         .src = src.guest,
                         .dst = dst.guest,
                         .src_pitch = PITCH,
                         .dst_pitch = PITCH};
    SMALTI__TRY(smalti__instance_tile(instance, &tile, error));
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            if (dst.host[y * PITCH + x] != change(src.host[y * PITCH + x]))
                return 1;
    return SMALTI_OK;
}

static uint8_t invert(uint8_t value)
{
    return (uint8_t)~value;
}
static uint8_t increment(uint8_t value)
{
    return (uint8_t)(value + 1);
}
static uint8_t untouched(uint8_t value)
{
    (void)value;
    return 0xee;
}

/* One mode of hostile.c in a fresh instance. */
static smalti_result misbehave(smalti_kernel *kernel, double mode, uint8_t (*change)(uint8_t), smalti_error *error)
{
    const double params[] = {mode, 0.5};
    smalti__instance *instance;
    memset(error, 0, sizeof *error);
    SMALTI__TRY(smalti__instance_new(kernel, params, &instance, error));
    smalti_result result = run_tile(instance, change, error);
    smalti__instance_free(instance);
    return result;
}

TEST("a good kernel inverts")
{
    smalti_error error;
    smalti_kernel *kernel = kernel_load("hostile", (smalti_kernel_options){0});
    CHECK_OK(misbehave(kernel, 0, invert, &error), error);
    smalti_kernel_unref(kernel);
}

TEST("every misbehaviour is its own error, and the thread goes on")
{
    static const struct {
        double mode;
        smalti_result code;
        const char *message;
    } cases[] = {
        {1, SMALTI_E_KERNEL_TIMEOUT, "kernel hostile: ran longer than its deadline of 60 ms in rows 32…36"},
        {2, SMALTI_E_KERNEL_TRAP, "kernel hostile: stack overflow in rows 32…36"},
        {3, SMALTI_E_KERNEL_MEMORY, "kernel hostile: unreachable instruction after taking "},
        {4, SMALTI_E_KERNEL_TRAP, "kernel hostile: out-of-bounds memory access in rows 32…36"},
        {5, SMALTI_E_KERNEL_TRAP, "kernel hostile: out-of-bounds memory access in rows 32…36"},
        {6, SMALTI_E_KERNEL_TRAP, "kernel hostile: unreachable instruction in rows 32…36"},
        {7, SMALTI_E_KERNEL_STATUS, "kernel hostile: returned status 7 in rows 32…36"},
        {8, SMALTI_E_KERNEL_TRAP, "kernel hostile: integer division by zero in rows 32…36"},
        {11, SMALTI_E_KERNEL_TRAP, "kernel hostile: call of a function pointer of another type in rows 32…36"},
        {13, SMALTI_E_KERNEL_TRAP, "kernel hostile: call of a null function pointer in rows 32…36"},
    };
    smalti_kernel *kernel =
        kernel_load("hostile", (smalti_kernel_options){.deadline_ms = 60, .memory_bytes = 16 << 20});
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti_error error;
        if (misbehave(kernel, cases[i].mode, invert, &error) != cases[i].code)
            TEST_FAIL("mode %g: code %d: %s", cases[i].mode, error.code, error.message);
        CHECK_HAS(error.message, cases[i].message);
        CHECK_OK(misbehave(kernel, 0, invert, &error), error);
    }
    smalti_kernel_unref(kernel);
}

TEST("a kernel that overwrites its tile and parameters harms only that call")
{
    smalti_error error;
    smalti_kernel *kernel = kernel_load("hostile", (smalti_kernel_options){0});
    const double params[] = {9, 0.5};
    smalti__instance *instance;
    CHECK_OK(smalti__instance_new(kernel, params, &instance, &error), error);
    CHECK_OK(run_tile(instance, untouched, &error), error);
    CHECK_OK(run_tile(instance, untouched, &error), error); /* its parameter is 9 again: else it would take memory */
    smalti__instance_free(instance);
    smalti_kernel_unref(kernel);
}

TEST("regions keep their place when the kernel takes memory in between")
{
    smalti_error error;
    smalti_kernel *kernel = kernel_load("hostile", (smalti_kernel_options){.memory_bytes = 64 << 20});
    const double params[] = {12, 0.5};
    smalti__instance *instance;
    smalti__region first, second;
    CHECK_OK(smalti__instance_new(kernel, params, &instance, &error), error);
    CHECK_OK(smalti__instance_region(instance, 100, &first, &error), error);
    memset(first.host, 0x5a, 100);
    CHECK_OK(run_tile(instance, untouched, &error), error);
    CHECK_OK(smalti__instance_region(instance, 3 << 20, &second, &error), error);
    memset(second.host, 0xa5, 3 << 20);
    for (int i = 0; i < 100; i++)
        CHECK_INT(first.host[i], 0x5a);
    CHECK_INT(second.host - first.host, (int64_t)(second.guest - first.guest));
    CHECK(second.guest - first.guest >= 40 * 65536);
    smalti__instance_free(instance);
    smalti_kernel_unref(kernel);
}

TEST("regions are aligned, apart, and readable 64 bytes on both sides")
{
    smalti_error error;
    static const char *const names[] = {"hostile", "alloc-good"};
    for (int k = 0; k < 2; k++) {
        smalti_kernel *kernel = kernel_load(names[k], (smalti_kernel_options){0});
        smalti__instance *instance;
        smalti__region r[40];
        CHECK_OK(smalti__instance_new(kernel, NULL, &instance, &error), error);
        for (int i = 0; i < 40; i++) {
            size_t bytes = (size_t)i * i * i / 2 + (i == 30 ? 70000 : 0);
            CHECK_OK(smalti__instance_region(instance, bytes, &r[i], &error), error);
            CHECK_INT(r[i].bytes, bytes);
            CHECK_INT(r[i].guest % 64, 0);
            CHECK_INT((uintptr_t)r[i].host % 64, 0);
            memset(r[i].host, i, bytes);
            volatile uint8_t *edge = r[i].host;
            (void)edge[-64], (void)edge[bytes + 63];
        }
        for (int i = 0; i < 40; i++)
            for (size_t b = 0; b < r[i].bytes; b++)
                if (r[i].host[b] != i)
                    TEST_FAIL("region %d of %s is overwritten", i, names[k]);
        smalti__instance_free(instance);
        smalti_kernel_unref(kernel);
    }
}

TEST("more memory than the limit is refused")
{
    smalti_error error;
    smalti__instance *instance;
    smalti__region region;
    smalti_kernel *kernel = kernel_load("hostile", (smalti_kernel_options){.memory_bytes = 1 << 20});
    CHECK_OK(smalti__instance_new(kernel, NULL, &instance, &error), error);
    CHECK_OK(smalti__instance_region(instance, 500000, &region, &error), error);
    CHECK_INT(smalti__instance_region(instance, 900000, &region, &error), SMALTI_E_KERNEL_MEMORY);
    CHECK_STR(error.message, "kernel hostile: 900000 bytes of buffers exceed its 1024 KiB of memory");
    CHECK_INT(smalti__instance_region(instance, SIZE_MAX, &region, &error), SMALTI_E_KERNEL_MEMORY);
    CHECK_OK(smalti__instance_region(instance, 1000, &region, &error), error);
    smalti__instance_free(instance);
    smalti_kernel_unref(kernel);
}

TEST("more scratch than the limit is refused")
{
    const smalti__tile tile = {.width = 123, .height = 1};
    const double greedy[] = {10, 0};
    smalti_error error;
    smalti__instance *instance;
    size_t bytes;
    smalti_kernel *kernel = kernel_load("hostile", (smalti_kernel_options){0});
    CHECK_OK(smalti__instance_new(kernel, NULL, &instance, &error), error);
    CHECK_OK(smalti__instance_scratch(instance, &tile, &bytes, &error), error);
    CHECK_INT(bytes, 123);
    smalti__instance_free(instance);
    CHECK_OK(smalti__instance_new(kernel, greedy, &instance, &error), error);
    CHECK_INT(smalti__instance_scratch(instance, &tile, &bytes, &error), SMALTI_E_KERNEL_MEMORY);
    CHECK_HAS(error.message, "smalti_scratch asks for 4294967280 bytes");
    smalti__instance_free(instance);
    smalti_kernel_unref(kernel);
}

TEST("a kernel's own allocator is used, and a hostile one refused")
{
    static const struct {
        const char *name;
        smalti_result code;
        const char *part;
    } cases[] = {
        {"alloc-outside", SMALTI_E_KERNEL, "kernel alloc: smalti_alloc returned 0xfffff000, outside of its memory"},
        {"alloc-end", SMALTI_E_KERNEL, "outside of its memory"},
        {"alloc-null", SMALTI_E_KERNEL_MEMORY, "smalti_alloc has no"},
        {"alloc-twice", SMALTI_E_KERNEL, "twice"},
        {"alloc-trap", SMALTI_E_KERNEL_TRAP, "kernel alloc: unreachable instruction in smalti_alloc"},
        {"alloc-spin", SMALTI_E_KERNEL_TIMEOUT, "kernel alloc: ran longer than its deadline of 60 ms in smalti_alloc"},
    };
    smalti_error error;
    smalti_kernel *good = kernel_load("alloc-good", (smalti_kernel_options){0});
    CHECK_OK(misbehave(good, 0, increment, &error), error);
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti_kernel *kernel = kernel_load(cases[i].name, (smalti_kernel_options){.deadline_ms = 60});
        CHECK_INT(misbehave(kernel, 0, increment, &error), cases[i].code);
        CHECK_HAS(error.message, cases[i].part);
        smalti_kernel_unref(kernel);
        CHECK_OK(misbehave(good, 0, increment, &error), error);
    }
    smalti_kernel_unref(good);
}

TEST("a dynamic halo is asked for and checked")
{
    smalti_error error;
    uint32_t halo;
    double radius;
    smalti_kernel *kernel = kernel_load("halo", (smalti_kernel_options){0});
    CHECK_OK(smalti_kernel_halo(kernel, NULL, &halo, &error), error);
    CHECK_INT(halo, 2);
    CHECK_OK(smalti_kernel_halo(kernel, (radius = 4096, &radius), &halo, &error), error);
    CHECK_INT(halo, 4096);
    CHECK_INT(smalti_kernel_halo(kernel, (radius = 4097, &radius), &halo, &error), SMALTI_E_KERNEL);
    CHECK_STR(error.message, "kernel halo: smalti_halo returned 4097, which is not from 0 to 4096");
    CHECK_INT(smalti_kernel_halo(kernel, (radius = -1, &radius), &halo, &error), SMALTI_E_KERNEL);
    CHECK_INT(smalti_kernel_halo(kernel, (radius = 1e9, &radius), &halo, &error), SMALTI_E_KERNEL);
    CHECK_INT(smalti_kernel_halo(kernel, (radius = 1e12, &radius), &halo, &error), SMALTI_E_KERNEL);
    smalti_kernel_unref(kernel);
}

/* Measures a ramp in parts of two rows, each in an instance of its own, merged into the first. */
TEST("a measure accumulates, merges and finishes")
{
    smalti_error error;
    const smalti__tile whole = {.sample = SMALTI_SAMPLE_U8, .channels = 1, .image_width = 100, .image_height = 6};
    smalti_kernel *kernel = kernel_load("mean", (smalti_kernel_options){0});
    smalti__instance *parts[3];
    double values[4];
    uint64_t bits;
    for (int i = 0; i < 3; i++) {
        smalti__region pixels;
        CHECK_OK(smalti__instance_new(kernel, NULL, &parts[i], &error), error);
        CHECK_OK(smalti__instance_region(parts[i], 200, &pixels, &error), error);
        smalti__tile tile = whole;
        tile.width = 100, tile.height = 1, tile.src_pitch = 100, tile.src = pixels.guest;
        CHECK_OK(smalti__instance_measure_begin(parts[i], &whole, &error), error);
        for (int row = 0; row < 2; row++) {
            memset(pixels.host, i * 2 + row, 100);
            CHECK_OK(smalti__instance_measure_accumulate(parts[i], &tile, &error), error);
        }
        if (i)
            CHECK_OK(smalti__instance_measure_merge(parts[0], smalti__instance_measure_state(parts[i]), &error), error);
    }
    CHECK_OK(smalti__instance_measure_finish(parts[0], &whole, values, &error), error);
    CHECK(values[0] == 2.5 && values[1] == 100 && values[2] == 6);
    memcpy(&bits, &values[3], sizeof bits);
    CHECK(bits == 0xfff0000012345678);
    CHECK_OK(smalti__instance_measure_begin(parts[0], &whole, &error), error); /* begins anew: the state is cleared */
    for (int i = 0; i < 3; i++)
        smalti__instance_free(parts[i]);
    smalti_kernel_unref(kernel);
}

TEST("a measure that fails names the function")
{
    smalti_error error;
    smalti__instance *instance;
    double fail, values[4];
    const smalti__tile whole = {.y = 3, .height = 2};
    smalti_kernel *kernel = kernel_load("mean", (smalti_kernel_options){0});
    CHECK_OK(smalti__instance_new(kernel, (fail = 1, &fail), &instance, &error), error);
    CHECK_INT(smalti__instance_measure_begin(instance, &whole, &error), SMALTI_E_KERNEL_STATUS);
    CHECK_STR(error.message, "kernel mean: smalti_init returned status 1");
    smalti__instance_free(instance);
    CHECK_OK(smalti__instance_new(kernel, (fail = 2, &fail), &instance, &error), error);
    CHECK_OK(smalti__instance_measure_begin(instance, &whole, &error), error);
    CHECK_INT(smalti__instance_measure_accumulate(instance, &whole, &error), SMALTI_E_KERNEL_TRAP);
    CHECK_STR(error.message, "kernel mean: unreachable instruction in rows 3…4");
    smalti__instance_free(instance);
    CHECK_OK(smalti__instance_new(kernel, (fail = 3, &fail), &instance, &error), error);
    CHECK_INT(smalti__instance_measure_finish(instance, &whole, values, &error), SMALTI_E_KERNEL_STATUS);
    CHECK_STR(error.message, "kernel mean: smalti_finish returned status 3");
    smalti__instance_free(instance);
    smalti_kernel_unref(kernel);
}

static smalti_result made_tile(recipe r, smalti_error *error)
{
    smalti_kernel *kernel;
    wasm module = wasm_make(r);
    smalti_kernel_options options = {.size = sizeof options, .cache_dir = "", .deadline_ms = 60};
    smalti_result result = smalti_kernel_load_memory(module.data, module.size, "made.wasm", &options, &kernel, error);
    free(module.data);
    SMALTI__TRY(result);
    result = misbehave(kernel, 0, untouched, error);
    smalti_kernel_unref(kernel);
    return result;
}

TEST("a memory of fixed size has no room for the host")
{
    smalti_error error;
    CHECK_OK(made_tile((recipe){0}, &error), error);
    CHECK_INT(made_tile((recipe){.memory_flags = 1}, &error), SMALTI_E_KERNEL_MEMORY);
    CHECK_HAS(error.message, "kernel made: ");
}

struct small_stack {
    smalti_kernel *kernel;
    smalti_error error;
};

static void *run_on_small_stack(void *argument)
{
    struct small_stack *s = argument;
    misbehave(s->kernel, 2, invert, &s->error);
    return NULL;
}

TEST("a thread whose stack is smaller than the kernel's is an error, not a crash")
{
    struct small_stack s = {.kernel = kernel_load("hostile", (smalti_kernel_options){.stack_bytes = 2 << 20})};
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    CHECK_INT(pthread_create(&thread, &attributes, run_on_small_stack, &s), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    smalti_kernel_unref(s.kernel);
    CHECK_INT(s.error.code, SMALTI_E_KERNEL);
    CHECK_HAS(s.error.message, "the calling thread has too little stack left");
}

TEST("kernels with different stack sizes run side by side")
{
    static const uint64_t sizes[] = {64 << 10, 1 << 20, 2 << 20};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++) {
        smalti_error error;
        smalti_kernel *kernel =
            kernel_load("hostile", (smalti_kernel_options){.stack_bytes = sizes[i], .deadline_ms = 60});
        CHECK_OK(misbehave(kernel, 0, invert, &error), error);
        CHECK_INT(misbehave(kernel, 1, invert, &error), SMALTI_E_KERNEL_TIMEOUT);
        CHECK_INT(misbehave(kernel, 2, invert, &error), SMALTI_E_KERNEL_TRAP);
        smalti_kernel_unref(kernel);
    }
}

TEST("more instances than the engine holds are an error, and the room comes back")
{
    enum { MANY = 600 };
    static smalti__instance *instances[MANY];
    smalti_error error = {0};
    int count = 0;
    smalti_kernel *kernel = kernel_load("hostile", (smalti_kernel_options){0});
    while (count < MANY && smalti__instance_new(kernel, NULL, &instances[count], &error) == SMALTI_OK)
        count++;
    for (int i = 0; i < count; i++)
        smalti__instance_free(instances[i]);
    if (count < MANY)
        CHECK_INT(error.code, SMALTI_E_NOMEM);
    CHECK_OK(misbehave(kernel, 0, invert, &error), error);
    smalti_kernel_unref(kernel);
}

static void *run_many(void *argument)
{
    smalti_kernel *kernel = argument;
    static const double modes[] = {0, 6, 0, 4, 0, 2, 0, 7};
    for (int i = 0; i < 200; i++) {
        smalti_error error;
        smalti_result result = misbehave(kernel, modes[i % 8], invert, &error);
        if ((modes[i % 8] == 0) != (result == 0))
            return kernel;
    }
    return NULL;
}

TEST("threads share a kernel while others trap")
{
    smalti_kernel *kernel = kernel_load("hostile", (smalti_kernel_options){0});
    pthread_t threads[4];
    void *failed[4];
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, run_many, kernel), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], &failed[i]);
    for (int i = 0; i < 4; i++)
        CHECK(!failed[i]);
    smalti_kernel_unref(kernel);
}

#ifndef __has_feature /* clang's way to say which sanitizer there is; GCC defines a macro */
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
enum { CHILD_HAS_THREADS = 0 };
#else
enum { CHILD_HAS_THREADS = 1 };
#endif

TEST("deadlines hold in a forked child")
{
    smalti_error error;
    if (!CHILD_HAS_THREADS)
        TEST_SKIP("ThreadSanitizer forbids threads in a forked child");
    smalti_kernel *kernel = kernel_load("hostile", (smalti_kernel_options){.deadline_ms = 60});
    CHECK_INT(misbehave(kernel, 1, invert, &error), SMALTI_E_KERNEL_TIMEOUT);
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        _exit(misbehave(kernel, 1, invert, &error) == SMALTI_E_KERNEL_TIMEOUT ? 0 : 1);
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
    smalti_kernel_unref(kernel);
}

static int32_t native_invert(const void *argument)
{
    const smalti_tile *tile = argument;
    if (tile->size != sizeof *tile || tile->param_count != 1)
        return 3;
    for (uint32_t y = 0; y < tile->height; y++)
        for (uint32_t x = 0; x < tile->width; x++)
            ((uint8_t *)tile->dst)[y * tile->dst_pitch + x] =
                (uint8_t)~((const uint8_t *)tile->src)[y * tile->src_pitch + x];
    return (int32_t)tile->params[0];
}
static int32_t native_halo(const double *params)
{
    return (int32_t)params[0] * 1000;
}

TEST("a native kernel goes the same way")
{
    smalti_error error;
    smalti_kernel *kernel;
    smalti__instance *instance;
    double status = 5;
    uint32_t halo;
    static const char descriptor[] =
        "{\"name\":\"n\",\"version\":\"1\",\"summary\":\"\",\"kind\":\"tile\",\"abi\":1,\"samples\":[\"u8\"],"
        "\"channels\":[1],\"halo\":\"dynamic\",\"params\":[{\"name\":\"s\",\"type\":\"integer\",\"min\":0,\"max\":9,"
        "\"default\":0}]}";
    const smalti__native functions = {.tile = native_invert, .halo = native_halo};
    CHECK_OK(smalti__kernel_load_native(descriptor, &functions, &kernel, &error), error);
    CHECK_OK(misbehave(kernel, 0, invert, &error), error);
    CHECK_OK(smalti__instance_new(kernel, &status, &instance, &error), error);
    CHECK_INT(run_tile(instance, invert, &error), SMALTI_E_KERNEL_STATUS);
    CHECK_STR(error.message, "kernel n: returned status 5 in rows 32…36");
    CHECK_INT(smalti__instance_halo(instance, &halo, &error), SMALTI_E_KERNEL);
    smalti__instance_free(instance);
    CHECK_OK(smalti_kernel_halo(kernel, NULL, &halo, &error), error);
    CHECK_INT(halo, 0);
    smalti_kernel_unref(kernel);
    CHECK_INT(smalti__kernel_load_native(descriptor, &(smalti__native){.tile = native_invert}, &kernel, &error),
              SMALTI_E_KERNEL_MODULE);
}
