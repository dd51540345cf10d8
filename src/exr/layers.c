/* SPDX-License-Identifier: Apache-2.0
 * Channels sorted into layers, views and groups. The order depends on nothing but the file and the rules. */
#include "exr/grouping.h"

typedef struct channel_key {
    uint32_t group, rank, index;
    smalti_exr_text layer, view;
} channel_key;

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* A set like [0-9] or [abc] at pattern: whether c is in it; *next stands behind it. A bracket without an end is itself. */
static bool in_set(const char *pattern, char c, const char **next)
{
    const char *end = strchr(pattern + 1, ']');
    if (!end) {
        *next = pattern + 1;
        return c == '[';
    }
    *next = end + 1;
    for (const char *p = pattern + 1; p < end; p++) {
        if (p + 2 < end && p[1] == '-') {
            if (c >= p[0] && c <= p[2])
                return true;
            p += 2;
        } else if (*p == c) {
            return true;
        }
    }
    return false;
}

/* One byte of text against what stands at pattern; *next stands behind that. */
static bool one(const char *pattern, char c, bool exact_case, const char **next)
{
    if (*pattern == '[')
        return in_set(pattern, c, next);
    *next = pattern + 1;
    return *pattern == '?' || *pattern == c || (!exact_case && lower(*pattern) == lower(c));
}

bool smalti__exr_glob(const char *pattern, const char *text, size_t size, bool exact_case)
{
    const char *star = NULL, *end = text + size, *retry = text, *next;
    while (text < end) {
        if (*pattern == '*') {
            star = ++pattern; /* first with nothing for it, then with more and more */
            retry = text;
        } else if (*pattern && one(pattern, *text, exact_case, &next)) {
            pattern = next;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* ---- Names ---- */

static bool same(const smalti_exr_text *a, const smalti_exr_text *b)
{
    return a->size == b->size && !memcmp(a->data, b->data, a->size);
}

static bool ends_with(const smalti_exr_text *text, const smalti_exr_text *end)
{
    return end->size && text->size > end->size && !memcmp(text->data + text->size - end->size, end->data, end->size);
}

/* The view of a channel of a file of one part: the last component of its layer, if that is one of multiView; the first of
 * those for channels without a layer. */
static void find_view(const smalti_exr_attribute *views, channel_key *key)
{
    smalti_exr_text view;
    if (!key->layer.size) {
        if (smalti_exr_attribute_text(views, 0, &view))
            key->view = view;
        return;
    }
    for (size_t i = 0; smalti_exr_attribute_text(views, i, &view); i++) {
        if (same(&key->layer, &view)) {
            key->view = view;
            key->layer.size = 0;
            return;
        }
        if (ends_with(&key->layer, &view) && key->layer.data[key->layer.size - view.size - 1] == '.') {
            key->view = view;
            key->layer.size -= view.size + 1;
            return;
        }
    }
}

/* Files of many parts have the layer in the part's name, often with the view behind it. */
static void take_part_name(const smalti_exr_part *part, channel_key *key)
{
    key->layer = part->name;
    if (ends_with(&key->layer, &part->view)) {
        char before = key->layer.data[key->layer.size - part->view.size - 1];
        if (before == '.' || before == '_')
            key->layer.size -= part->view.size + 1;
    }
}

static uint32_t rank_of(const char *name, size_t size)
{
    static const char *const names[] = {"r", "red", "g", "green", "b", "blue", "a", "alpha"};
    for (uint32_t i = 0; i < SMALTI__COUNT(names); i++)
        if (strlen(names[i]) == size && !strncasecmp(names[i], name, size))
            return i / 2;
    return 4;
}

/* name: of the channel without its view. */
static uint32_t group_of(const smalti_exr_rules *rules, const smalti_exr_text *name, const smalti_exr_text *layer)
{
    for (size_t i = 0; i < rules->pattern_count; i++) {
        const smalti__exr_pattern *pattern = &rules->patterns[i];
        if (pattern->channel
                ? smalti__exr_glob(pattern->text, name->data, name->size, true)
                : layer->size && smalti__exr_glob(pattern->text, layer->data, layer->size, rules->exact_case))
            return pattern->group;
    }
    return rules->group_count - 1;
}

static void make_key(const smalti_exr *exr, const smalti_exr_rules *rules, const smalti_exr_part *part,
                     const smalti_exr_attribute *views, uint32_t index, channel_key *key)
{
    const smalti_exr_channel *channel = &part->channels[index];
    const char *dot = strrchr(channel->name, '.');
    const char *last = dot ? dot + 1 : channel->name;
    *key = (channel_key){.index = index,
                         .rank = rank_of(last, channel->name_size - (size_t)(last - channel->name)),
                         .layer = {channel->name, dot ? (size_t)(dot - channel->name) : 0},
                         .view = part->view};
    smalti_exr_text name = {channel->name, channel->name_size};
    char without_view[SMALTI__EXR_NAME_LONG + 1];
    if (views && !part->view.size) {
        size_t before = key->layer.size;
        find_view(views, key);
        if (key->layer.size < before) {
            int size = snprintf(without_view, sizeof without_view, "%.*s%s%s", (int)key->layer.size, key->layer.data,
                                key->layer.size ? "." : "", last);
            name = (smalti_exr_text){without_view, (size_t)size};
        }
    }
    if (!key->layer.size && exr->header.flags & SMALTI_EXR_FLAG_MULTI_PART)
        take_part_name(part, key);
    key->group = group_of(rules, &name, &key->layer);
}

/* ---- Sorting ---- */

static int compare_text(const smalti_exr_text *a, const smalti_exr_text *b)
{
    size_t size = a->size < b->size ? a->size : b->size;
    int order = size ? memcmp(a->data, b->data, size) : 0;
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static int compare_layers(const channel_key *a, const channel_key *b)
{
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    int order = compare_text(&a->layer, &b->layer);
    return order ? order : compare_text(&a->view, &b->view);
}

static int compare_keys(const void *x, const void *y)
{
    const channel_key *a = x, *b = y;
    int order = compare_layers(a, b);
    if (order)
        return order;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* Layers of one part from its sorted keys; gives how many. */
static size_t cut_layers(const smalti_exr_rules *rules, const channel_key *keys, uint32_t count, uint32_t part,
                         smalti_exr_layer *layers, uint32_t *channels)
{
    size_t made = 0;
    for (uint32_t i = 0; i < count; i++) {
        channels[i] = keys[i].index;
        if (i && !compare_layers(&keys[i - 1], &keys[i])) {
            layers[made - 1].channel_count++;
            continue;
        }
        layers[made++] = (smalti_exr_layer){
            .group = rules->names[keys[i].group],
            .group_index = keys[i].group,
            .part = part,
            .name = keys[i].layer,
            .view = keys[i].view,
            .channels = &channels[i],
            .channel_count = 1,
        };
    }
    return made;
}

smalti_result smalti_exr_layers_find(const smalti_exr *exr, const smalti_exr_rules *rules, smalti_exr_layers *layers,
                                     smalti_error *error)
{
    const smalti_exr_header *header = smalti_exr_header_get(exr);
    if (!header)
        return smalti__fail(error, SMALTI_E_INVALID, "no file is open");
    size_t count = exr->channel_count, room = count * (sizeof(smalti_exr_layer) + sizeof(uint32_t));
    SMALTI__CLEANUP_FREE channel_key *keys = malloc(count * sizeof *keys);
    smalti_exr_layer *list = malloc(room);
    if (!keys || !list) {
        free(list);
        return smalti__fail_nomem(error, room);
    }
    uint32_t *channels = (uint32_t *)(list + count);
    size_t made = 0;
    for (uint32_t p = 0; p < header->part_count; p++) {
        const smalti_exr_part *part = &header->parts[p];
        const smalti_exr_attribute *views = smalti_exr_attribute_find(part, "multiView");
        for (uint32_t i = 0; i < part->channel_count; i++)
            make_key(exr, rules, part, views, i, &keys[i]);
        qsort(keys, part->channel_count, sizeof *keys, compare_keys);
        made += cut_layers(rules, keys, part->channel_count, p, list + made, channels);
        channels += part->channel_count;
    }
    *layers = (smalti_exr_layers){.layers = list, .count = made, .memory = list};
    return SMALTI_OK;
}

void smalti_exr_layers_clear(smalti_exr_layers *layers)
{
    free(layers->memory);
    *layers = (smalti_exr_layers){0};
}
