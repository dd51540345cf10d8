/* SPDX-License-Identifier: Apache-2.0
 * Which channels DWA compresses how: by rules for what is behind the last dot of their names, and which three of them are
 * one colour. Files before version 2 mean rules that are known, later ones have them in each chunk. */
#include "exr/dwa.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_NAME = 128, MOST_RULES = 256 /* writers have the few that match */ };

typedef struct rule {
    const char *suffix;
    bool any_case;
    uint32_t scheme;
    int8_t color; /* −1: none */
    uint8_t type; /* a smalti_exr_sample */
} rule;

/* ---- names ---- */

typedef struct prefix {
    const char *name;
    size_t size;
    uint32_t index;
} prefix;

static int compare_prefix(const void *a, const void *b)
{
    const prefix *x = a, *y = b;
    int order = memcmp(x->name, y->name, x->size < y->size ? x->size : y->size);
    if (!order)
        order = (x->size > y->size) - (x->size < y->size);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

bool smalti__exr_dwa_name_channels(smalti__exr_dwa *dwa)
{
    uint32_t count = dwa->part->channel_count;
    SMALTI__CLEANUP_FREE prefix *prefixes = calloc((size_t)count + 1, sizeof *prefixes);
    if (!prefixes)
        return false;
    for (uint32_t c = 0; c < count; c++) {
        smalti__exr_dwa_channel *channel = &dwa->channels[c];
        const char *name = dwa->part->channels[c].name, *dot = strrchr(name, '.');
        channel->channel = &dwa->part->channels[c];
        channel->suffix = dot ? dot + 1 : name;
        channel->prefix_size = dot ? (size_t)(dot - name) : 0;
        channel->wanted = true;
        prefixes[c] = (prefix){name, channel->prefix_size, c};
    }
    qsort(prefixes, count, sizeof *prefixes, compare_prefix);
    for (uint32_t c = 0; c < count; c++)
        dwa->order[c] = prefixes[c].index;
    return true;
}

/* ---- rules ---- */

static void apply(smalti__exr_dwa *dwa, const rule *one)
{
    for (uint32_t c = 0; c < dwa->part->channel_count; c++) {
        smalti__exr_dwa_channel *channel = &dwa->channels[c];
        if (channel->channel->sample != one->type ||
            (one->any_case ? strcasecmp(channel->suffix, one->suffix) : strcmp(channel->suffix, one->suffix)))
            continue;
        channel->scheme = one->scheme;
        if (one->color >= 0)
            channel->color = one->color;
    }
}

static void apply_known(smalti__exr_dwa *dwa)
{
    static const struct {
        const char *suffix;
        int8_t color;
    } lossy[] = {{"r", 0},   {"red", 0},  {"g", 1},  {"grn", 1}, {"green", 1}, {"b", 2},
                 {"blu", 2}, {"blue", 2}, {"y", -1}, {"by", -1}, {"ry", -1}};
    for (size_t i = 0; i < SMALTI__COUNT(lossy); i++)
        for (uint8_t type = SMALTI_EXR_HALF; type <= SMALTI_EXR_FLOAT; type++)
            apply(dwa, &(rule){lossy[i].suffix, true, SMALTI__EXR_DWA_DCT, lossy[i].color, type});
    for (uint8_t type = SMALTI_EXR_UINT; type <= SMALTI_EXR_FLOAT; type++)
        apply(dwa, &(rule){"a", true, SMALTI__EXR_DWA_RLE, -1, type});
}

/* A name and its NUL; the index of a colour and 1, the scheme, whether the case of letters matters; a type. */
static bool apply_stored(smalti__exr_dwa *dwa, const uint8_t *at, size_t size)
{
    for (uint32_t count = 0; size; count++) {
        size_t length = strnlen((const char *)at, size);
        if (length > MOST_NAME || size - length < 3 || count == MOST_RULES)
            return false;
        uint8_t value = at[length + 1], type = at[length + 2];
        const rule one = {(const char *)at, value & 1, value >> 2 & 3, (int8_t)((value >> 4) - 1), type};
        if (one.color > 2 || one.scheme > SMALTI__EXR_DWA_RLE || type > SMALTI_EXR_FLOAT ||
            (one.scheme == SMALTI__EXR_DWA_DCT && type == SMALTI_EXR_UINT))
            return false;
        apply(dwa, &one);
        at += length + 3, size -= length + 3;
    }
    return true;
}

/* ---- sets ---- */

static bool same_sampling(const smalti__exr_dwa_channel *a, const smalti__exr_dwa_channel *b)
{
    return a->channel->x_sampling == b->channel->x_sampling && a->channel->y_sampling == b->channel->y_sampling;
}

static bool add_set(smalti__exr_dwa *dwa, const int64_t colors[3])
{
    smalti__exr_dwa_set *set = &dwa->sets[dwa->set_count];
    smalti__exr_dwa_channel *channels[3];
    if (colors[0] < 0 || colors[1] < 0 || colors[2] < 0)
        return true;
    for (int i = 0; i < 3; i++) {
        set->channels[i] = (uint32_t)colors[i];
        channels[i] = &dwa->channels[colors[i]];
    }
    if (!same_sampling(channels[0], channels[1]) || !same_sampling(channels[0], channels[2]))
        return true;
    for (int i = 0; i < 3; i++) {
        if (channels[i]->scheme != SMALTI__EXR_DWA_DCT)
            return false;
        channels[i]->in_set = true;
    }
    dwa->set_count++;
    return true;
}

static bool same_prefix(const smalti__exr_dwa_channel *a, const smalti__exr_dwa_channel *b)
{
    return a->prefix_size == b->prefix_size && !memcmp(a->channel->name, b->channel->name, a->prefix_size);
}

static bool find_sets(smalti__exr_dwa *dwa)
{
    uint32_t count = dwa->part->channel_count;
    for (uint32_t begin = 0, end; begin < count; begin = end) {
        int64_t colors[3] = {-1, -1, -1};
        const smalti__exr_dwa_channel *first = &dwa->channels[dwa->order[begin]];
        for (end = begin; end < count && same_prefix(first, &dwa->channels[dwa->order[end]]); end++) {
            int8_t color = dwa->channels[dwa->order[end]].color;
            if (color >= 0)
                colors[color] = dwa->order[end];
        }
        if (!add_set(dwa, colors))
            return false;
    }
    return true;
}

bool smalti__exr_dwa_classify(smalti__exr_dwa *dwa, const uint8_t *rules, size_t size)
{
    for (uint32_t c = 0; c < dwa->part->channel_count; c++) {
        dwa->channels[c].scheme = SMALTI__EXR_DWA_PLAIN;
        dwa->channels[c].color = -1;
        dwa->channels[c].in_set = false;
    }
    dwa->set_count = 0;
    if (!rules)
        apply_known(dwa);
    else if (!apply_stored(dwa, rules, size))
        return false;
    return find_sets(dwa);
}
