/* SPDX-License-Identifier: Apache-2.0
 * A test harness of one page: TEST("a name that is a sentence") { … }. Prints TAP. A failed check ends its test. */
#ifndef SMALTI_TEST_H
#define SMALTI_TEST_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};
static struct test_case *test_first, **test_last = &test_first;
static jmp_buf test_jump;
static char test_why[8192];

#define TEST_CAT_(a, b) a##b
#define TEST_CAT(a, b) TEST_CAT_(a, b)
#define TEST(sentence) TEST_(sentence, __COUNTER__)
#define TEST_(sentence, id)                                                       \
    static void TEST_CAT(test_run_, id)(void);                                    \
    __attribute__((constructor)) static void TEST_CAT(test_add_, id)(void)        \
    {                                                                             \
        static struct test_case test = {sentence, TEST_CAT(test_run_, id), NULL}; \
        *test_last = &test, test_last = &test.next;                               \
    }                                                                             \
    static void TEST_CAT(test_run_, id)(void)

#define TEST_FAIL(...)                                                                    \
    do {                                                                                  \
        int test_n_ = snprintf(test_why, sizeof test_why, "%s:%d: ", __FILE__, __LINE__); \
        snprintf(test_why + test_n_, sizeof test_why - (size_t)test_n_, __VA_ARGS__);     \
        longjmp(test_jump, 1);                                                            \
    } while (0)
/* For what cannot be tested here; say why. */
#define TEST_SKIP(...)                                    \
    do {                                                  \
        snprintf(test_why, sizeof test_why, __VA_ARGS__); \
        longjmp(test_jump, 2);                            \
    } while (0)

#define CHECK(condition)                           \
    do {                                           \
        if (!(condition))                          \
            TEST_FAIL("not true: %s", #condition); \
    } while (0)
#define CHECK_INT(actual, expected)                                               \
    do {                                                                          \
        long long test_a_ = (long long)(actual), test_e_ = (long long)(expected); \
        if (test_a_ != test_e_)                                                   \
            TEST_FAIL("%s is %lld, not %lld", #actual, test_a_, test_e_);         \
    } while (0)
#define CHECK_STR(actual, expected)                                                                \
    do {                                                                                           \
        const char *test_a_ = (actual), *test_e_ = (expected);                                     \
        if (!test_a_ || strcmp(test_a_, test_e_))                                                  \
            TEST_FAIL("%s is \"%s\", not \"%s\"", #actual, test_a_ ? test_a_ : "(null)", test_e_); \
    } while (0)
#define CHECK_HAS(text, part)                                                                   \
    do {                                                                                        \
        const char *test_a_ = (text), *test_e_ = (part);                                        \
        if (!test_a_ || !strstr(test_a_, test_e_))                                              \
            TEST_FAIL("\"%s\" does not contain \"%s\"", test_a_ ? test_a_ : "(null)", test_e_); \
    } while (0)
/* A call that must succeed, with its smalti_error for the message. */
#define CHECK_OK(call, error)                                             \
    do {                                                                  \
        int test_r_ = (call);                                             \
        if (test_r_ != 0)                                                 \
            TEST_FAIL("%s gave %d: %s", #call, test_r_, (error).message); \
    } while (0)

/* Runs the tests, or those whose names contain argv[1]. */
int main(int argc, char **argv)
{
    int count = 0;
    volatile int number = 0, failed = 0; /* kept over longjmp */
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct test_case *test = test_first; test; test = test->next)
        count += argc < 2 || strstr(test->name, argv[1]);
    printf("1..%d\n", count);
    for (struct test_case *volatile test = test_first; test; test = test->next) {
        if (argc >= 2 && !strstr(test->name, argv[1]))
            continue;
        number++;
        switch (setjmp(test_jump)) {
        case 0:
            test->run();
            printf("ok %d - %s\n", number, test->name);
            break;
        case 2:
            printf("ok %d - %s # SKIP %s\n", number, test->name, test_why);
            break;
        default:
            printf("not ok %d - %s\n# %s\n", number, test->name, test_why);
            failed++;
        }
    }
    return failed != 0;
}
#endif
