/* SPDX-License-Identifier: Apache-2.0
 * Slots handed over between a thread and its caller, in both directions. */
#include "base/handoff.h"
#include "test.h"

enum { SLOTS = 3, ITEMS = 10000 };

typedef struct line {
    smalti__handoff handoff;
    uint32_t slots[SLOTS];
    uint32_t seen, wrong;
} line;

static void give_all(void *user)
{
    line *l = user;
    for (uint32_t i = 0; i < ITEMS && smalti__handoff_room(&l->handoff); i++) {
        l->slots[i % SLOTS] = i;
        smalti__handoff_give(&l->handoff);
    }
}

static void take_all(void *user)
{
    line *l = user;
    for (uint32_t i = 0; smalti__handoff_wait(&l->handoff, 1); i++) {
        l->wrong += l->slots[i % SLOTS] != i;
        l->seen++;
        smalti__handoff_take(&l->handoff);
    }
}

TEST("what a thread gives arrives whole and in order, and its end is seen")
{
    line l = {0};
    CHECK(smalti__handoff_open(&l.handoff, SLOTS, give_all, &l));
    take_all(&l);
    CHECK(smalti__handoff_ended(&l.handoff));
    CHECK(smalti__handoff_close(&l.handoff) > 0);
    CHECK_INT(l.seen, ITEMS);
    CHECK_INT(l.wrong, 0);
}

TEST("what a thread is given is taken to the last slot before it ends")
{
    line l = {0};
    CHECK(smalti__handoff_open(&l.handoff, SLOTS, take_all, &l));
    give_all(&l);
    smalti__handoff_close(&l.handoff);
    CHECK_INT(l.seen, ITEMS);
    CHECK_INT(l.wrong, 0);
}

TEST("a slot that is in use is not filled, and a thread that waits for one ends when its caller does")
{
    line l = {0};
    CHECK(smalti__handoff_open(&l.handoff, SLOTS, give_all, &l));
    CHECK(smalti__handoff_wait(&l.handoff, SLOTS));
    for (uint32_t i = 0; i < SLOTS; i++)
        CHECK_INT(l.slots[i], i);
    smalti__handoff_take(&l.handoff);
    CHECK(smalti__handoff_wait(&l.handoff, SLOTS));
    CHECK_INT(l.slots[0], SLOTS);
    CHECK_INT(l.slots[1], 1);
    smalti__handoff_close(&l.handoff);
    CHECK_INT(l.slots[1], 1);
}
