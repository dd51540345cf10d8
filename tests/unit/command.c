/* SPDX-License-Identifier: Apache-2.0
 * WASI commands: standard input to standard output, and every other wish refused. */
#include <smalti/kernel.h>

#include "base/base.h"
#include "kernel_files.h"

static smalti_result run(smalti_kernel *kernel, const char *argument, const void *input, size_t size, size_t max,
                         char **output, size_t *output_size, smalti_error *error)
{
    const char *args[] = {"command", argument, NULL};
    void *out = NULL;
    memset(error, 0, sizeof *error);
    smalti_result result = smalti_kernel_command(kernel, args, input, size, max, &out, output_size, error);
    *output = out;
    return result;
}

TEST("a command reads its input and writes its output")
{
    smalti_kernel *kernel = kernel_load("command", (smalti_kernel_options){0});
    CHECK_INT(smalti_kernel_describe(kernel)->kind, SMALTI_KERNEL_COMMAND);
    CHECK_STR(smalti_kernel_describe(kernel)->name, "command");
    static char input[200001];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (char)('a' + i % 26);
    static const size_t sizes[] = {0, 1, 3, 4, 999, 1000, 1001, 200001};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++) {
        smalti_error error;
        char *output;
        size_t size;
        CHECK_OK(run(kernel, NULL, input, sizes[i], sizes[i], &output, &size, &error), error);
        CHECK_INT(size, sizes[i]);
        for (size_t j = 0; j < size; j++)
            if (output[j] != input[j] - 32)
                TEST_FAIL("byte %zu is wrong", j);
        free(output);
    }
    smalti_kernel_unref(kernel);
}

TEST("a command gets its arguments, or its name when there are none")
{
    smalti_error error;
    char *output;
    void *plain;
    size_t size;
    smalti_kernel *kernel = kernel_load("command", (smalti_kernel_options){0});
    CHECK_OK(run(kernel, "all of this", NULL, 0, 100, &output, &size, &error), error);
    CHECK_INT(size, 22);
    CHECK(!memcmp(output, "command!\nall of this!\n", 22));
    free(output);
    CHECK_OK(smalti_kernel_command(kernel, NULL, "ok", 2, 10, &plain, &size, &error), error);
    CHECK(size == 2 && !memcmp(plain, "OK", 2));
    free(plain);
    smalti_kernel_unref(kernel);
}

TEST("ends other than success are errors with what the command said")
{
    static const struct {
        const char *argument;
        smalti_result code;
        const char *message;
    } cases[] = {
        {"exit", SMALTI_E_KERNEL_STATUS, "kernel command: exited with status 3: cannot do\\x09that!\\x0a"},
        {"trap", SMALTI_E_KERNEL_TRAP, "kernel command: unreachable instruction: about to trap!\\x0a"},
        {"spin", SMALTI_E_KERNEL_TIMEOUT, "kernel command: ran longer than its deadline of 60 ms"},
        {"flood", SMALTI_E_LIMIT, "kernel command: wrote more than 100000 bytes"},
    };
    smalti_kernel *kernel = kernel_load("command", (smalti_kernel_options){.deadline_ms = 60});
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti_error error;
        char *output;
        size_t size;
        CHECK_INT(run(kernel, cases[i].argument, "x", 1, 100000, &output, &size, &error), cases[i].code);
        CHECK_STR(error.message, cases[i].message);
        CHECK_OK(run(kernel, "z", "x", 1, 100000, &output, &size, &error), error);
        CHECK(size == 6 && !memcmp(output, "done!\n", 6));
        free(output);
    }
    smalti_kernel_unref(kernel);
}

TEST("pointers outside of the command's memory are refused")
{
    smalti_error error;
    char *output;
    size_t size;
    smalti_kernel *kernel = kernel_load("command", (smalti_kernel_options){0});
    CHECK_OK(run(kernel, "pointers", "input", 5, 1000, &output, &size, &error), error);
    free(output);
    smalti_kernel_unref(kernel);
}

TEST("random bytes and the clock are the same in every run")
{
    smalti_error error;
    char *output[2];
    size_t size;
    smalti_kernel *kernel = kernel_load("command", (smalti_kernel_options){0});
    for (int i = 0; i < 2; i++) {
        CHECK_OK(run(kernel, "r", NULL, 0, 1000, &output[i], &size, &error), error);
        CHECK_INT(size, 32);
    }
    CHECK(!memcmp(output[0], output[1], 32));
    CHECK(memcmp(output[0], output[0] + 8, 8));
    free(output[0]);
    free(output[1]);
    smalti_kernel_unref(kernel);
}

TEST("a command is not a filter and a filter not a command")
{
    smalti_error error;
    smalti_kernel *kernel = kernel_load("hostile", (smalti_kernel_options){0});
    void *output;
    size_t size;
    CHECK_INT(smalti_kernel_command(kernel, NULL, NULL, 0, 1, &output, &size, &error), SMALTI_E_INVALID);
    CHECK_STR(error.message, "kernel hostile: not a WASI command");
    smalti_kernel_unref(kernel);
    CHECK_OK(smalti_kernel_inspect(kernel_path("command"), &kernel, &error), error);
    CHECK_INT(smalti_kernel_command(kernel, NULL, NULL, 0, 1, &output, &size, &error), SMALTI_E_INVALID);
    smalti_kernel_unref(kernel);
}
