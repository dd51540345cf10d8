/* SPDX-License-Identifier: Apache-2.0
 * Sets of names, and the canonical form of paths that may not be there yet. */
#include "pipeline/path_set.h"

#include <sys/random.h>

#include "kernel/siphash.h"

/* ---- sets ---- */

bool smalti__name_set_open(smalti__name_set *set, size_t count)
{
    for (set->room = 16; set->room / 2 < count && set->room <= SIZE_MAX / 4;)
        set->room *= 2;
    set->entries = set->room / 2 < count ? NULL : calloc(set->room, sizeof *set->entries);
    return set->entries != NULL;
}

void smalti__name_set_close(smalti__name_set *set)
{
    free(set->entries);
    *set = (smalti__name_set){0};
}

static smalti__name_entry *place(const smalti__name_set *set, const smalti__name_hash *hash)
{
    size_t at;
    memcpy(&at, hash->bytes, sizeof at);
    for (at &= set->room - 1;; at = (at + 1) & (set->room - 1))
        if (!set->entries[at].index || !memcmp(&set->entries[at].hash, hash, sizeof *hash))
            return &set->entries[at];
}

size_t smalti__name_set_find(const smalti__name_set *set, const smalti__name_hash *hash)
{
    return place(set, hash)->index - 1;
}

size_t smalti__name_set_add(smalti__name_set *set, const smalti__name_hash *hash, size_t index)
{
    smalti__name_entry *entry = place(set, hash);
    size_t there = entry->index - 1;
    if (!entry->index)
        *entry = (smalti__name_entry){*hash, index + 1};
    return there;
}

/* ---- names ---- */

smalti__namer *smalti__namer_new(void)
{
    smalti__namer *namer = calloc(1, sizeof *namer);
    if (namer && getrandom(namer->key, sizeof namer->key, GRND_NONBLOCK) != sizeof namer->key) {
        uint64_t now = smalti__now_ns();
        memcpy(namer->key, &now, sizeof now);
    }
    return namer;
}

void smalti__name_hash_text(const smalti__namer *namer, const char *text, smalti__name_hash *hash)
{
    smalti__siphash128(namer->key, text, strlen(text), hash->bytes);
}

/* Cuts the last part off namer->at and puts it before the tail. false: there is nothing above. up: ".." of folders that
 * will be made, which only undo what stands before them. */
static bool climb(smalti__namer *namer, size_t *up, bool *undone)
{
    char *at = namer->at, *slash = strrchr(at, '/');
    const char *part = slash ? slash + 1 : at;
    size_t size = strlen(part), tail = strlen(namer->tail);
    bool empty = !*part || !strcmp(part, ".");
    if (!strcmp(part, "..")) {
        ++*up;
        *undone = true;
    } else if (!empty && *up) {
        --*up;
    } else if (!empty && size + tail + 2 < sizeof namer->tail) {
        memmove(namer->tail + size + 1, namer->tail, tail + 1);
        namer->tail[0] = '/';
        memcpy(namer->tail + 1, part, size);
    }
    if (slash == at)
        memcpy(at, "/", 2);
    else if (slash)
        *slash = '\0';
    else if (strcmp(at, "."))
        memcpy(at, ".", 2);
    else
        return false; /* the working folder is gone */
    return true;
}

/* realpath of namer->given, which may not be there yet: of as much of it as is there. */
static void resolve(smalti__namer *namer)
{
    char there[PATH_MAX];
    snprintf(namer->at, sizeof namer->at, "%s", *namer->given ? namer->given : ".");
    for (bool undone = true; undone;) {
        size_t up = 0;
        bool known = true;
        undone = false;
        *namer->tail = '\0';
        while (known && !realpath(namer->at, there))
            known = climb(namer, &up, &undone);
        snprintf(namer->real, sizeof namer->real, "%s%s", known ? there : ".", namer->tail);
        memcpy(namer->at, namer->real, sizeof namer->at); /* when something was undone, what is left may be there */
    }
}

void smalti__name_hash_path(smalti__namer *namer, const char *path, smalti__name_hash *hash)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) + (slash == path) : 0;
    if (strlen(path) >= PATH_MAX) { /* nothing can be there: its task will fail */
        smalti__name_hash_text(namer, path, hash);
        return;
    }
    if (!*namer->real || strlen(namer->given) != size || memcmp(namer->given, path, size)) {
        memcpy(namer->given, path, size);
        namer->given[size] = '\0';
        resolve(namer);
    }
    snprintf(namer->whole, sizeof namer->whole, "%s/%s", strcmp(namer->real, "/") ? namer->real : "",
             slash ? slash + 1 : path);
    smalti__name_hash_text(namer, namer->whole, hash);
}
