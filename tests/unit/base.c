/* SPDX-License-Identifier: Apache-2.0
 * Errors, checked sizes, pools and budgets. */
#include "test.h"
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

TEST("an error carries its code, its place and its message, and NULL is accepted for it")
{
    smalti_error error;
    CHECK_INT(smalti__fail(&error, SMALTI_E_INVALID_KEY, "unknown key \"%s\"", "siez"), SMALTI_E_INVALID_KEY);
    CHECK_INT(error.code, SMALTI_E_INVALID_KEY);
    CHECK_INT(error.sys_errno, 0);
    CHECK(error.offset == SMALTI_NO_OFFSET);
    CHECK_STR(error.message, "unknown key \"siez\"");
    CHECK_INT(smalti__fail_at(&error, SMALTI_E_FORMAT_CHECKSUM, 1042, "bad CRC in %s", "IDAT"),
              SMALTI_E_FORMAT_CHECKSUM);
    CHECK(error.offset == 1042);
    CHECK_STR(error.message, "bad CRC in IDAT");
    CHECK_INT(smalti__fail(NULL, SMALTI_E_FORMAT, "x"), SMALTI_E_FORMAT);
    CHECK_INT(smalti__fail_errno(NULL, EIO, "x"), SMALTI_E_IO);
    smalti__error_prefix(NULL, "x");
}

TEST("an error of the system says why, and no memory is its own class")
{
    smalti_error error;
    CHECK_INT(smalti__fail_errno(&error, ENOENT, "in.png: cannot be opened"), SMALTI_E_IO);
    CHECK_INT(error.sys_errno, ENOENT);
    CHECK_STR(error.message, "in.png: cannot be opened: No such file or directory");
    CHECK_INT(smalti__fail_errno(&error, ENOMEM, "in.png"), SMALTI_E_NOMEM);
    CHECK_INT(smalti__fail_nomem(&error, 123), SMALTI_E_NOMEM);
    CHECK_STR(error.message, "no memory for 123 bytes");
}

TEST("a message may be made of the old message, and a prefix keeps its end")
{
    smalti_error error;
    smalti__fail(&error, SMALTI_E_FORMAT, "bad CRC");
    smalti__fail(&error, SMALTI_E_FORMAT, "in.png: %s", error.message);
    CHECK_STR(error.message, "in.png: bad CRC");
    smalti__fail_at(&error, SMALTI_E_FORMAT, 7, "bad CRC");
    smalti__error_prefix(&error, "a/in.png");
    CHECK_STR(error.message, "a/in.png: bad CRC");
    CHECK(error.offset == 7);
    char name[4097];
    memset(name, 'a', 4096), name[4096] = '\0';
    smalti__fail(&error, SMALTI_E_FORMAT, "bad CRC");
    smalti__error_prefix(&error, name);
    CHECK_HAS(error.message, "aaa: bad CRC");
    CHECK(!strncmp(error.message, "...a", 4));
}

TEST("a message longer than its place is cut")
{
    smalti_error error;
    char text[2000];
    memset(text, 't', sizeof text), text[1999] = '\0';
    smalti__fail_errno(&error, EIO, "%s", text);
    CHECK_INT(strlen(error.message), sizeof error.message - 1);
}

TEST("every code has the name of its class")
{
    static const struct {
        smalti_result code;
        const char *name;
    } cases[] = {{SMALTI_OK, "ok"},
                 {SMALTI_E_INVALID_CONFLICT, "invalid"},
                 {SMALTI_E_FORMAT_UNKNOWN, "format"},
                 {SMALTI_E_UNSUPPORTED, "unsupported"},
                 {SMALTI_E_LIMIT_PIXELS, "limit"},
                 {SMALTI_E_NOMEM, "nomem"},
                 {SMALTI_E_IO_CHANGED, "io"},
                 {SMALTI_E_KERNEL_STATUS, "kernel"},
                 {SMALTI_E_PEER, "peer"},
                 {SMALTI_E_CANCELLED, "cancelled"},
                 {-1000, "unknown"},
                 {INT32_MIN, "unknown"}};
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++)
        CHECK_STR(smalti_result_name(cases[i].code), cases[i].name);
}

TEST("printable text escapes control bytes and is cut between escapes")
{
    char out[16];
    CHECK_STR(smalti__printable("a\n\x7f\0b", 5, out, sizeof out), "a\\x0a\\x7f\\x00");
    CHECK_STR(smalti__printable("\xc3\xa4", 2, out, sizeof out), "\xc3\xa4");
    CHECK_STR(smalti__printable("\n\n\n\n\n", 5, out, 10), "\\x0a\\x0a");
    CHECK_STR(smalti__printable("abc", 3, out, 1), "");
    CHECK_STR(smalti__printable("abc", 0, out, sizeof out), "");
}

TEST("sizes that do not fit are noticed")
{
    size_t result;
    CHECK(smalti__add(SIZE_MAX - 1, 1, &result) && result == SIZE_MAX);
    CHECK(!smalti__add(SIZE_MAX, 1, &result));
    CHECK(smalti__mul(SIZE_MAX / 2, 2, &result) && result == SIZE_MAX - 1);
    CHECK(!smalti__mul(SIZE_MAX / 2 + 1, 2, &result));
    CHECK_INT(smalti__align(0, 64), 0);
    CHECK_INT(smalti__align(1, 64), 64);
    CHECK_INT(smalti__align(64, 64), 64);
}

TEST("numbers are read and written with the high byte first")
{
    uint8_t bytes[4];
    smalti__put_be32(bytes, 0xfedcba98);
    CHECK(bytes[0] == 0xfe && bytes[3] == 0x98);
    CHECK(smalti__be32(bytes) == 0xfedcba98);
    CHECK(smalti__be16(bytes) == 0xfedc);
}

TEST("a pool gives aligned buffers with slack, and the same one again")
{
    smalti__pool pool = {0};
    uint8_t *first = smalti__pool_get(&pool, 1000);
    CHECK(first && (uintptr_t)first % 64 == 0);
    memset(first, 1, 1000 + SMALTI__POOL_SLACK);
    CHECK_INT(pool.used_bytes, 1000);
    smalti__pool_put(&pool, first);
    CHECK_INT(pool.used_bytes, 0);
    CHECK(smalti__pool_get(&pool, 900) == (void *)first);
    uint8_t *second = smalti__pool_get(&pool, 900);
    CHECK(second && second != first);
    CHECK_INT(pool.allocations, 2);
    CHECK_INT(pool.peak_used_bytes, 1900);
    smalti__pool_put(&pool, first);
    smalti__pool_put(&pool, second);
    smalti__pool_put(&pool, NULL);
    CHECK_INT(pool.held_bytes, 1900);
    smalti__pool_trim(&pool, 1000);
    CHECK(pool.held_bytes <= 1000);
    smalti__pool_trim(&pool, 0);
    CHECK_INT(pool.held_bytes, 0);
}

TEST("a pool gives the smallest free buffer that is large enough, and no large one for little")
{
    smalti__pool pool = {0};
    static const size_t sizes[] = {4000, 64000, 1000, 16000};
    void *buffers[4];
    for (int i = 0; i < 4; i++)
        CHECK((buffers[i] = smalti__pool_get(&pool, sizes[i])));
    for (int i = 0; i < 4; i++)
        smalti__pool_put(&pool, buffers[i]);
    void *four = smalti__pool_get(&pool, 3000), *sixteen = smalti__pool_get(&pool, 5000);
    void *other = smalti__pool_get(&pool, 5000);
    CHECK(four == buffers[0] && sixteen == buffers[3]);
    CHECK(other != buffers[1]);
    CHECK_INT(pool.allocations, 5);
    smalti__pool_put(&pool, four), smalti__pool_put(&pool, sixteen), smalti__pool_put(&pool, other);
    smalti__pool_trim(&pool, 0);
    CHECK_INT(pool.held_bytes, 0);
}

TEST("no pool is plain memory, and a size that cannot be is no memory")
{
    uint8_t *plain = smalti__pool_get(NULL, 0);
    CHECK(plain);
    memset(plain, 1, SMALTI__POOL_SLACK);
    smalti__pool_put(NULL, plain);
    smalti__pool pool = {0};
    CHECK(!smalti__pool_get(&pool, SIZE_MAX));
    CHECK(!smalti__pool_get(NULL, SIZE_MAX - 100));
    CHECK(!pool.used_bytes && !pool.held_bytes);
}

TEST("a budget refuses what can never fit, at once")
{
    smalti_error error;
    smalti__budget *budget = smalti__budget_new(1 << 20);
    int result = smalti__budget_acquire(budget, (1 << 20) + 1, NULL, &error);
    int whole = smalti__budget_acquire(budget, 1 << 20, NULL, NULL);
    smalti__budget_release(budget, 1 << 20);
    smalti__budget_free(budget);
    smalti__budget_free(NULL);
    CHECK_INT(result, SMALTI_E_LIMIT_MEMORY);
    CHECK_HAS(error.message, "1025 KiB");
    CHECK_HAS(error.message, "1024 KiB");
    CHECK_INT(whole, SMALTI_OK);
}

struct taker {
    smalti__budget *budget;
    size_t bytes;
    int cancelled; /* atomic */
    int started;   /* atomic */
    int result;
    size_t *in_use; /* atomic: of all takers */
    size_t worst;
};

static void *take(void *context)
{
    struct taker *taker = context;
    for (int round = 0; round < 200; round++) {
        taker->result = smalti__budget_acquire(taker->budget, taker->bytes, NULL, NULL);
        if (taker->result)
            break;
        size_t now = __atomic_add_fetch(taker->in_use, taker->bytes, __ATOMIC_SEQ_CST);
        taker->worst = now > taker->worst ? now : taker->worst;
        sched_yield();
        __atomic_sub_fetch(taker->in_use, taker->bytes, __ATOMIC_SEQ_CST);
        smalti__budget_release(taker->budget, taker->bytes);
    }
    return NULL;
}

TEST("takers of a budget wait for each other and never have more than all of it")
{
    enum { TAKERS = 6, TOTAL = 1000 };
    smalti__budget *budget = smalti__budget_new(TOTAL);
    struct taker takers[TAKERS];
    pthread_t threads[TAKERS];
    size_t in_use = 0;
    for (int i = 0; i < TAKERS; i++) {
        takers[i] = (struct taker){.budget = budget, .bytes = 300 + 100 * (size_t)i, .in_use = &in_use};
        CHECK(!pthread_create(&threads[i], NULL, take, &takers[i]));
    }
    for (int i = 0; i < TAKERS; i++)
        pthread_join(threads[i], NULL);
    size_t peak = smalti__budget_peak(budget);
    smalti__budget_free(budget);
    for (int i = 0; i < TAKERS; i++) {
        CHECK_INT(takers[i].result, SMALTI_OK);
        CHECK(takers[i].worst <= TOTAL);
    }
    CHECK(peak >= 800 && peak <= TOTAL);
}

static void *take_cancellable(void *context)
{
    struct taker *taker = context;
    smalti_error error = {0};
    __atomic_store_n(&taker->started, 1, __ATOMIC_SEQ_CST);
    taker->result = smalti__budget_acquire(taker->budget, taker->bytes, &taker->cancelled, &error);
    if (taker->result == SMALTI_E_CANCELLED && error.code != SMALTI_E_CANCELLED)
        taker->result = 1;
    return NULL;
}

TEST("a taker that waits can be cancelled, and the budget is whole after it")
{
    smalti__budget *budget = smalti__budget_new(100);
    CHECK_INT(smalti__budget_acquire(budget, 60, NULL, NULL), SMALTI_OK);
    struct taker taker = {.budget = budget, .bytes = 50};
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, take_cancellable, &taker));
    while (!__atomic_load_n(&taker.started, __ATOMIC_SEQ_CST))
        sched_yield();
    usleep(20000);
    __atomic_store_n(&taker.cancelled, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    smalti__budget_release(budget, 60);
    int whole = smalti__budget_acquire(budget, 100, NULL, NULL);
    smalti__budget_free(budget);
    CHECK_INT(taker.result, SMALTI_E_CANCELLED);
    CHECK_INT(whole, SMALTI_OK);
}
