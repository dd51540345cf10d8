/* SPDX-License-Identifier: Apache-2.0
 * Loading kernels: what is accepted, what is refused and with which words, and compilation within its bounds. */
#include <smalti/kernel.h>

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "kernel/compile.h"
#include "kernel_files.h"
#include "wasm_build.h"

static smalti_result load(const void *data, size_t size, smalti_kernel_options options, smalti_error *error)
{
    smalti_kernel *kernel = NULL;
    options.size = sizeof options;
    options.cache_dir = "";
    memset(error, 0, sizeof *error);
    smalti_result result = smalti_kernel_load_memory(data, size, "made.wasm", &options, &kernel, error);
    if (result == SMALTI_OK)
        smalti_kernel_unref(kernel);
    return result;
}

static smalti_result load_made(recipe r, smalti_error *error)
{
    wasm module = wasm_make(r);
    smalti_result result = load(module.data, module.size, (smalti_kernel_options){0}, error);
    free(module.data);
    return result;
}

TEST("a kernel says what it is")
{
    smalti_kernel *kernel = kernel_load("halo", (smalti_kernel_options){0});
    const smalti_kernel_info *info = smalti_kernel_describe(kernel);
    CHECK_STR(info->name, "halo");
    CHECK_INT(info->kind, SMALTI_KERNEL_TILE);
    CHECK(info->halo_dynamic);
    CHECK_INT(info->output_channels[4], 3);
    CHECK(!strcmp(info->source, kernel_path("halo")));
    struct stat file;
    CHECK(stat(kernel_path("halo"), &file) == 0 && info->module_bytes == (uint64_t)file.st_size);
    smalti_kernel_unref(smalti_kernel_ref(kernel));
    CHECK_STR(info->params[0].name, "radius");
    smalti_kernel_unref(kernel);
}

TEST("an inspected kernel is described but does not run")
{
    smalti_error error;
    smalti_kernel *kernel;
    uint32_t halo;
    CHECK_OK(smalti_kernel_inspect(kernel_path("halo"), &kernel, &error), error);
    CHECK_STR(smalti_kernel_describe(kernel)->name, "halo");
    CHECK_INT(smalti_kernel_halo(kernel, NULL, &halo, &error), SMALTI_E_INVALID);
    smalti_kernel_unref(kernel);
}

TEST("what is no kernel is refused in words")
{
    static const struct {
        recipe made;
        const char *message;
    } cases[] = {
        {{.descriptor = ""}, "not a kernel: it has neither a descriptor (custom section \"smalti\") nor WASI's _start"},
        {{.twice = true}, "it has two descriptors"},
        {{.start = true}, "it has a start function; a kernel runs nothing before it is called"},
        {{.import = "now"}, "it imports env.now; a kernel may import nothing"},
        {{.import = "a\x1b[2J"}, "it imports env.a\\x1b[2J; a kernel may import nothing"},
        {{.memory = ""}, "it does not export its memory as \"memory\""},
        {{.memory = "mem"}, "it does not export its memory as \"memory\""},
        {{.memories = 1, .memory = ""}, "it does not export its memory as \"memory\""},
        {{.memories = 3}, "it has more than one memory"},
        {{.memory_flags = 3}, "its memory is shared, which kernels may not use"},
        {{.memory_flags = 4}, "its memory is of 64 bits, which kernels may not use"},
        {{.memory_flags = 8}, "its memory has pages of its own size, which kernels may not use"},
        {{.entry = "tile"}, "it does not export the function smalti_tile"},
        {{.entry = ""}, "it does not export the function smalti_tile"},
        {{.params = 3}, "its export smalti_tile is not a function of 1 i32 parameter that returns i32"},
        {{.params = 1}, "its export smalti_tile is not a function of 1 i32 parameter that returns i32"},
        {{.returns_nothing = true}, "its export smalti_tile is not a function of 1 i32 parameter that returns i32"},
        {{.entry = "memory2", .memory = "smalti_tile"}, "it does not export its memory as \"memory\""},
        {{.params = 3, .entry = "smalti_alloc", .also_entry = "x"}, "it does not export the function smalti_tile"},
        {{.descriptor = "{\"name\":\"h\",\"version\":\"1\",\"summary\":\"\",\"kind\":\"tile\",\"abi\":1,\"samples\":"
                        "[\"u8\"],\"channels\":[1],\"halo\":\"dynamic\"}"},
         "it does not export the function smalti_halo"},
        {{.descriptor = "{\"name\":\"h\",\"version\":\"1\",\"summary\":\"\",\"kind\":\"measure\",\"abi\":1,\"samples\":"
                        "[\"u8\"],\"channels\":[1],\"state_bytes\":8,\"values\":[{\"name\":\"v\"}]}",
          .params = 3,
          .entry = "smalti_init",
          .also_entry = "smalti_accumulate"},
         "it does not export the function smalti_merge"},
        {{.descriptor = "{\"kind\":\"tile\"}"}, "descriptor: \"name\" is missing"},
        {{.descriptor = "", .entry = "_start", .params = 1, .returns_nothing = true, .import = "now"},
         "it imports env.now; a command gets standard input and output and nothing else"},
    };
    smalti_error error;
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        char message[400];
        snprintf(message, sizeof message, "made.wasm: %s", cases[i].message);
        if (load_made(cases[i].made, &error) != SMALTI_E_KERNEL_MODULE)
            TEST_FAIL("not refused (%d %s), expected: %s", error.code, error.message, message);
        CHECK_STR(error.message, message);
    }
    CHECK_OK(load_made((recipe){0}, &error), error);
}

TEST("code that is not valid is refused by the engine")
{
    smalti_error error;
    CHECK_INT(load_made((recipe){.code = (const uint8_t *)"\x42\0", .code_size = 2}, &error), SMALTI_E_KERNEL_MODULE);
    CHECK_HAS(error.message, "made.wasm: ");
}

TEST("bytes that are no module are refused")
{
    static const char text[] = "#!/bin/sh\n", component[] = "\0asm\x0d\0\1\0";
    smalti_error error;
    CHECK_INT(load("", 0, (smalti_kernel_options){0}, &error), SMALTI_E_KERNEL_MODULE);
    CHECK_INT(load(text, sizeof text, (smalti_kernel_options){0}, &error), SMALTI_E_KERNEL_MODULE);
    CHECK_STR(error.message, "made.wasm: not a WebAssembly module");
    CHECK_INT(load(component, 8, (smalti_kernel_options){0}, &error), SMALTI_E_KERNEL_MODULE);
    CHECK_HAS(error.message, "components are not kernels");
    CHECK_INT(load("\0asm\1\0\0\0", 8, (smalti_kernel_options){0}, &error), SMALTI_E_KERNEL_MODULE);
}

TEST("a module cut short anywhere is refused")
{
    wasm module = wasm_make((recipe){0});
    smalti_error error;
    for (int i = 0; i < 16; i++) {
        size_t size = module.size * (size_t)i / 16;
        void *cut = malloc(size + !size);
        memcpy(cut, module.data, size);
        smalti_result result = load(cut, size, (smalti_kernel_options){0}, &error);
        free(cut);
        CHECK_INT(result, SMALTI_E_KERNEL_MODULE);
    }
    CHECK_OK(load(module.data, module.size, (smalti_kernel_options){0}, &error), error);
    free(module.data);
}

TEST("sections out of order or twice are refused")
{
    smalti_error error;
    wasm module = {0};
    wasm_bytes(&module, "\0asm\1\0\0\0\3\1\0\1\1\0", 14);
    CHECK_INT(load(module.data, module.size, (smalti_kernel_options){0}, &error), SMALTI_E_KERNEL_MODULE);
    CHECK_STR(error.message, "made.wasm: malformed module at byte 11");
    CHECK_INT((long long)error.offset, 11);
    free(module.data);
}

TEST("a module of 50 MB is refused before it is read")
{
    smalti_error error;
    smalti_kernel *kernel;
    char path[] = "/tmp/smalti-test-XXXXXX.wasm";
    int fd = mkstemps(path, 5);
    CHECK(fd >= 0 && ftruncate(fd, 50 << 20) == 0);
    close(fd);
    smalti_result result = smalti_kernel_load(path, NULL, &kernel, &error);
    smalti_result inspected = smalti_kernel_inspect(path, &kernel, &error);
    unlink(path);
    CHECK_INT(result, SMALTI_E_LIMIT);
    CHECK_INT(inspected, SMALTI_E_LIMIT);
    CHECK_HAS(error.message, "the module has 52428800 bytes, more than the limit of 16777216");
    CHECK_INT(load("\0asm", 4, (smalti_kernel_options){.module_bytes = 8}, &error), SMALTI_E_KERNEL_MODULE);
    CHECK_INT(load("\0asm\1\0\0\0\0", 9, (smalti_kernel_options){.module_bytes = 8}, &error), SMALTI_E_LIMIT);
}

TEST("more memory at the start than the limit is refused")
{
    smalti_error error;
    CHECK_INT(load_made((recipe){.memory_pages = 4097}, &error), SMALTI_E_KERNEL_MEMORY);
    CHECK_STR(error.message, "made.wasm: it starts with 262208 KiB of memory, the limit is 262144 KiB");
}

TEST("names that are not there are errors that help")
{
    smalti_error error;
    smalti_kernel *kernel;
    CHECK_INT(smalti_kernel_load("no-such-kernel", NULL, &kernel, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "no kernel 'no-such-kernel' is shipped");
    const char *const *names = smalti_kernel_names();
    for (size_t i = 0; names[i] && names[i + 1]; i++)
        CHECK(strcmp(names[i], names[i + 1]) < 0);
    CHECK_INT(smalti_kernel_load("./no-such-file", NULL, &kernel, &error), SMALTI_E_IO);
    CHECK_INT(smalti_kernel_load("nothing.wasm", NULL, &kernel, &error), SMALTI_E_IO);
    CHECK_STR(error.message, "nothing.wasm: No such file or directory");
    CHECK_INT(smalti_kernel_load("/dev/zero", NULL, &kernel, &error), SMALTI_E_INVALID);
    CHECK_STR(error.message, "/dev/zero: not a regular file");
    CHECK_INT(smalti_kernel_load("/tmp", NULL, &kernel, &error), SMALTI_E_INVALID);
}

TEST("shipped kernels load by their names")
{
    smalti_error error;
    const char *const *names = smalti_kernel_names();
    if (!names[0])
        TEST_SKIP("this build ships no kernels");
    for (size_t i = 0; names[i]; i++) {
        smalti_kernel *kernel;
        CHECK_OK(smalti_kernel_inspect(names[i], &kernel, &error), error);
        CHECK_STR(smalti_kernel_describe(kernel)->name, names[i]);
        CHECK_STR(smalti_kernel_describe(kernel)->source, "shipped");
        smalti_kernel_unref(kernel);
    }
}

TEST("options out of range are refused")
{
    static const smalti_kernel_options wrong[] = {
        {.stack_bytes = 1},   {.stack_bytes = 1 << 30},         {.memory_bytes = 1},
        {.compile_ms = 1e12}, {.memory_bytes = UINT64_MAX / 2}, {.deadline_ms = UINT64_MAX},
    };
    smalti_error error;
    for (size_t i = 0; i < SMALTI__COUNT(wrong); i++)
        CHECK_INT(load("", 0, wrong[i], &error), SMALTI_E_INVALID_RANGE);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST("a module that takes minutes to compile is given up at the deadline")
{
    smalti_error error;
    wasm module = wasm_make_slow(3 << 20);
    double before = seconds();
    smalti_result result = load(module.data, module.size, (smalti_kernel_options){.compile_ms = 300}, &error);
    double took = seconds() - before;
    free(module.data);
    CHECK_INT(result, SMALTI_E_KERNEL_TIMEOUT);
    CHECK_STR(error.message, "made.wasm: compiling it takes longer than its deadline of 300 ms");
    printf("# given up after %.0f ms\n", took * 1000);
    CHECK_OK(load_made((recipe){0}, &error), error);
}

TEST("where no child can be made a thread is given up at the deadline")
{
    smalti_error error;
    smalti__engine *engine;
    smalti__code *code;
    void *artifact;
    size_t artifact_size;
    CHECK_OK(smalti__engine_get(512 << 10, &engine, &error), error);
    wasm module = wasm_make_slow(20000);
    const smalti__compile_request request = {
        .engine = engine, .data = module.data, .size = module.size, .trusted = true, .deadline_ms = 5, .name = "slow"};
    smalti_result result = smalti__compile(&request, &code, &artifact, &artifact_size, &error);
    free(module.data);
    CHECK_INT(result, SMALTI_E_KERNEL_TIMEOUT);
    CHECK_STR(error.message, "slow: compiling it takes longer than its deadline of 5 ms");
    CHECK_OK(load_made((recipe){0}, &error), error);
}

TEST("a large module is compiled")
{
    smalti_error error;
    wasm code = {0};
    for (int i = 0; i < 50000; i++)
        wasm_bytes(&code, "\x41\1\x1a", 3);
    wasm_bytes(&code, "\x41\0", 2);
    wasm module = wasm_make((recipe){.code = code.data, .code_size = code.size});
    smalti_result result = load(module.data, module.size, (smalti_kernel_options){0}, &error);
    free(code.data);
    free(module.data);
    CHECK_OK(result, error);
}

TEST("a large invalid module is refused in words")
{
    smalti_error error;
    wasm code = {0};
    for (int i = 0; i < 50000; i++)
        wasm_bytes(&code, "\x41\1\x1a", 3);
    wasm_bytes(&code, "\x42\0", 2); /* an i64 where the type says i32 */
    wasm module = wasm_make((recipe){.code = code.data, .code_size = code.size});
    smalti_result result = load(module.data, module.size, (smalti_kernel_options){0}, &error);
    free(code.data);
    free(module.data);
    CHECK_INT(result, SMALTI_E_KERNEL_MODULE);
    CHECK_HAS(error.message, "made.wasm: ");
}
