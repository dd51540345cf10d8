/* SPDX-License-Identifier: Apache-2.0
 * A new header from an old one: attributes are taken over byte by byte but for those that change. What comes out is parsed
 * again, and must say the same of the pixels. */
#include "exr/edit.h"

const char smalti__exr_pad_name[] = "smaltiPad", smalti__exr_pad_type[] = "pad";

typedef struct edit_item {
    const char *name, *type; /* views */
    const uint8_t *value;
    uint32_t size;
} edit_item;

typedef struct item_list {
    edit_item *items; /* owned */
    size_t count, room;
} item_list;

typedef struct build {
    smalti__exr_edit *edit;
    smalti_error *error;
    item_list *parts;  /* owned, part_count of them */
    void **made;       /* values made here; owned, each too */
    size_t made_count;
    uint32_t part_count;
} build;

/* ---- Lists of attributes ---- */

static smalti_result append(build *b, item_list *list, edit_item item)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 32;
        struct edit_item *larger = realloc(list->items, room * sizeof *larger);
        if (!larger)
            return smalti__fail_nomem(b->error, room * sizeof *larger);
        list->items = larger, list->room = room;
    }
    list->items[list->count++] = item;
    return SMALTI_OK;
}

static edit_item *find(const item_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->items[i].name, name))
            return &list->items[i];
    return NULL;
}

static smalti_result load(build *b)
{
    const smalti_exr_header *header = smalti_exr_header_get(b->edit->exr);
    b->part_count = header->part_count;
    b->parts = calloc(b->part_count, sizeof *b->parts);
    if (!b->parts)
        return smalti__fail_nomem(b->error, b->part_count * sizeof *b->parts);
    for (uint32_t p = 0; p < header->part_count; p++)
        for (uint32_t i = 0; i < header->parts[p].attribute_count; i++) {
            const smalti_exr_attribute *attribute = &header->parts[p].attributes[i];
            if (!strcmp(attribute->name, smalti__exr_pad_name) && !strcmp(attribute->type_name, smalti__exr_pad_type)) {
                b->edit->had_pad = true;
                continue;
            }
            SMALTI__TRY(append(b, &b->parts[p],
                               (edit_item){attribute->name, attribute->type_name, attribute->value, attribute->size}));
        }
    return SMALTI_OK;
}

static void unload(build *b)
{
    for (uint32_t i = 0; b->parts && i < b->part_count; i++)
        free(b->parts[i].items);
    for (size_t i = 0; i < b->made_count; i++)
        free(b->made[i]);
    free(b->parts);
    free(b->made);
}

/* ---- Channels ---- */

/* The new name of a channel of size bytes, or NULL when it keeps its own. */
static const char *new_name(const smalti_exr_change *change, const char *name, size_t size, char out[600])
{
    size_t old = strlen(change->name);
    if (change->kind == SMALTI_EXR_RENAME_CHANNEL)
        return old == size && !memcmp(name, change->name, size) ? change->new_name : NULL;
    if (size <= old + 1 || memcmp(name, change->name, old) != 0 || name[old] != '.')
        return NULL;
    snprintf(out, 600, "%.*s%.*s", 300, change->new_name, (int)(size - old), name + old);
    return out;
}

/* A channel list with new names. *renamed counts them. */
static smalti_result rename_channels(build *b, edit_item *list, const smalti_exr_change *change, size_t *renamed)
{
    size_t room = list->size, used = 0;
    for (uint32_t i = 0; i < list->size; i++)
        room += list->value[i] == 0 ? 256 : 0; /* more than there are names */
    uint8_t *value = malloc(room);
    void **made = realloc(b->made, (b->made_count + 1) * sizeof *made);
    if (made)
        b->made = made;
    if (!value || !made) {
        free(value);
        return smalti__fail_nomem(b->error, room);
    }
    b->made[b->made_count++] = value;
    for (uint32_t at = 0; at < list->size && list->value[at];) {
        char text[600];
        const char *name = (const char *)list->value + at;
        size_t size = strlen(name), new_size;
        const char *changed = new_name(change, name, size, text);
        *renamed += changed != NULL;
        new_size = strlen(changed ? changed : name);
        if (!new_size || new_size > SMALTI__EXR_NAME_LONG)
            return smalti__fail(b->error, SMALTI_E_INVALID_RANGE, "the name of a channel has 1 to %d bytes",
                                SMALTI__EXR_NAME_LONG);
        memcpy(value + used, changed ? changed : name, new_size + 1);
        memcpy(value + used + new_size + 1, name + size + 1, 16);
        used += new_size + 17;
        at += (uint32_t)size + 17;
    }
    value[used++] = 0;
    list->value = value;
    list->size = (uint32_t)used;
    return SMALTI_OK;
}

/* ---- Changes ---- */

static smalti_result fail_change(const build *b, const smalti_exr_change *change, const char *what)
{
    char shown[SMALTI__NAME_TEXT];
    return smalti__fail(b->error, SMALTI_E_INVALID, "%s: '%s' %s", SMALTI__SHOWN(b->edit->path),
                        smalti__printable(change->name, strnlen(change->name, 100), shown, sizeof shown), what);
}

static smalti_result check_change(const build *b, const smalti_exr_change *change)
{
    bool renames = change->kind >= SMALTI_EXR_RENAME;
    size_t name = change->name ? strlen(change->name) : 0;
    size_t second = renames ? (change->new_name ? strlen(change->new_name) : 0)
                            : (change->kind == SMALTI_EXR_SET && change->type_name ? strlen(change->type_name) : 1);
    if (change->kind < SMALTI_EXR_SET || change->kind > SMALTI_EXR_RENAME_LAYER || !name ||
        name > SMALTI__EXR_NAME_LONG || !second || second > SMALTI__EXR_NAME_LONG ||
        (change->kind == SMALTI_EXR_SET &&
         (!change->type_name || change->value_bytes > INT32_MAX || (change->value_bytes && !change->value))))
        return smalti__fail(b->error, SMALTI_E_INVALID_RANGE,
                            "%s: a change needs a name, and a new name or type, of 1 to %d bytes",
                            SMALTI__SHOWN(b->edit->path), SMALTI__EXR_NAME_LONG);
    if (change->part >= 0 && (uint32_t)change->part >= b->part_count)
        return smalti__fail(b->error, SMALTI_E_INVALID_RANGE, "%s: there is no part %d", SMALTI__SHOWN(b->edit->path),
                            change->part);
    return SMALTI_OK;
}

/* *hits counts what was there to be changed. */
static smalti_result apply_to_part(build *b, item_list *list, const smalti_exr_change *change, size_t *hits)
{
    edit_item *there = find(list, change->name);
    switch (change->kind) {
    case SMALTI_EXR_SET: {
        edit_item item = {change->name, change->type_name, change->value, change->value_bytes};
        ++*hits;
        if (!there)
            return append(b, list, item);
        *there = item;
        return SMALTI_OK;
    }
    case SMALTI_EXR_DELETE:
        if (there) {
            ++*hits;
            memmove(there, there + 1, (size_t)(list->items + list->count - there - 1) * sizeof *there);
            list->count--;
        }
        return SMALTI_OK;
    case SMALTI_EXR_RENAME:
        if (there && strcmp(change->name, change->new_name) != 0 && find(list, change->new_name))
            return fail_change(b, change, "cannot have that name: another attribute has it");
        if (there) {
            ++*hits;
            there->name = change->new_name;
        }
        return SMALTI_OK;
    case SMALTI_EXR_RENAME_CHANNEL:
    case SMALTI_EXR_RENAME_LAYER:
        there = find(list, "channels");
        return there ? rename_channels(b, there, change, hits) : SMALTI_OK;
    }
    return SMALTI_OK;
}

static smalti_result apply(build *b, const smalti_exr_change *change)
{
    size_t hits = 0;
    SMALTI__TRY(check_change(b, change));
    for (uint32_t p = 0; p < b->part_count; p++)
        if (change->part < 0 || (uint32_t)change->part == p)
            SMALTI__TRY(apply_to_part(b, &b->parts[p], change, &hits));
    return hits ? SMALTI_OK : fail_change(b, change, "is not there");
}

/* ---- Writing ---- */

static bool has_long_names(const build *b)
{
    for (uint32_t p = 0; p < b->part_count; p++)
        for (size_t i = 0; i < b->parts[p].count; i++) {
            const edit_item *item = &b->parts[p].items[i];
            if (strlen(item->name) > SMALTI__EXR_NAME_SHORT || strlen(item->type) > SMALTI__EXR_NAME_SHORT)
                return true;
            if (strcmp(item->name, "channels") != 0)
                continue;
            for (uint32_t at = 0; at < item->size && item->value[at];) {
                size_t size = strlen((const char *)item->value + at);
                if (size > SMALTI__EXR_NAME_SHORT)
                    return true;
                at += (uint32_t)size + 17;
            }
        }
    return false;
}

static uint8_t *put(uint8_t *out, const void *bytes, size_t size)
{
    if (size)
        memcpy(out, bytes, size);
    return out + size;
}

static smalti_result serialise(build *b)
{
    smalti__exr_edit *edit = b->edit;
    bool multi = edit->exr->header.flags & SMALTI_EXR_FLAG_MULTI_PART;
    size_t size = 8 + multi;
    for (uint32_t p = 0; p < b->part_count; p++) {
        size++;
        for (size_t i = 0; i < b->parts[p].count; i++) {
            const edit_item *item = &b->parts[p].items[i];
            if (!smalti__add(size, strlen(item->name) + strlen(item->type) + 6 + item->size, &size))
                return smalti__fail_nomem(b->error, SIZE_MAX);
        }
    }
    if (size > edit->exr->options.max_bytes)
        return smalti__fail(b->error, SMALTI_E_LIMIT, "%s: the new header has %zu bytes, more than the limit",
                            SMALTI__SHOWN(edit->path), size);
    uint8_t *out = edit->new_bytes = malloc(size);
    if (!out)
        return smalti__fail_nomem(b->error, size);
    edit->new_size = size;
    out = put(out, edit->old_bytes, 8);
    if (has_long_names(b))
        edit->new_bytes[5] |= SMALTI_EXR_FLAG_LONG_NAMES >> 8;
    for (uint32_t p = 0; p < b->part_count; p++) {
        for (size_t i = 0; i < b->parts[p].count; i++) {
            const edit_item *item = &b->parts[p].items[i];
            out = put(out, item->name, strlen(item->name) + 1);
            out = put(out, item->type, strlen(item->type) + 1);
            smalti__put_le32(out, item->size);
            out = put(out + 4, item->value, item->size);
        }
        *out++ = 0;
    }
    if (multi)
        *out = 0;
    return SMALTI_OK;
}

/* ---- The same pixels ---- */

static smalti_result read_new(const smalti_exr *exr, uint64_t offset, void *data, size_t size, smalti_error *error)
{
    const smalti__exr_edit *edit = exr->user;
    (void)error;
    memset(data, 0, size); /* behind the header: nothing that is looked at */
    if (offset < edit->new_size)
        memcpy(data, edit->new_bytes + offset, size < edit->new_size - offset ? size : edit->new_size - offset);
    return SMALTI_OK;
}

static bool same_pixels(const smalti_exr_part *a, const smalti_exr_part *b)
{
    if (a->kind != b->kind || a->compression != b->compression || a->line_order != b->line_order ||
        memcmp(&a->data_window, &b->data_window, sizeof a->data_window) != 0 || a->tile_width != b->tile_width ||
        a->tile_height != b->tile_height || a->level_mode != b->level_mode || a->round_up != b->round_up ||
        a->chunk_count != b->chunk_count || a->channel_count != b->channel_count)
        return false;
    for (uint32_t i = 0; i < a->channel_count; i++)
        if (a->channels[i].sample != b->channels[i].sample || a->channels[i].x_sampling != b->channels[i].x_sampling ||
            a->channels[i].y_sampling != b->channels[i].y_sampling)
            return false;
    return true;
}

static smalti_result check_new(smalti__exr_edit *edit, smalti_error *error)
{
    smalti_exr *exr;
    smalti_exr_options options = edit->exr->options;
    const smalti_exr_header *old = smalti_exr_header_get(edit->exr);
    options.max_bytes *= 2; /* the old one has as much of its own */
    SMALTI__TRY(smalti_exr_new(&options, &exr, error));
    uint64_t file_bytes = old->file_bytes + edit->new_size;
    smalti_result result = smalti__exr_open_with(exr, read_new, edit, file_bytes, SMALTI__EXR_PAGE, edit->path, error);
    if (result < 0) {
        /* what is wrong with the new header is wrong with the changes */
        result = smalti_result_class(result) == smalti_result_class(SMALTI_E_FORMAT) ? SMALTI_E_INVALID : result;
        if (error)
            error->code = result;
    } else {
        const smalti_exr_header *new = smalti_exr_header_get(exr);
        bool same = new->part_count == old->part_count &&new->header_bytes == edit->new_size;
        for (uint32_t p = 0; same && p < new->part_count; p++) {
            if (!new->parts[p].sorted && old->parts[p].sorted)
                result = smalti__fail(error, SMALTI_E_INVALID,
                                      "%s: with these names the channels would be in another order than their pixels",
                                      SMALTI__SHOWN(edit->path));
            same = same_pixels(&old->parts[p], &new->parts[p]);
        }
        if (!same)
            result = smalti__fail(error, SMALTI_E_INVALID, "%s: the change would make the pixels mean something else",
                                  SMALTI__SHOWN(edit->path));
    }
    smalti_exr_free(exr);
    return result;
}

smalti_result smalti__exr_edit_header(smalti__exr_edit *edit, const smalti_exr_change *changes, size_t count,
                                      smalti_error *error)
{
    build b = {.edit = edit, .error = error};
    smalti_result result = load(&b);
    for (size_t i = 0; i < count && result == SMALTI_OK; i++)
        result = apply(&b, &changes[i]);
    if (result == SMALTI_OK)
        result = serialise(&b);
    unload(&b);
    return result < 0 ? result : check_new(edit, error);
}
