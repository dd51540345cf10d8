/* SPDX-License-Identifier: Apache-2.0
 * Which image of an EXR file is decoded: part, view, layer, level, and the channels that make its pixels. */
#include "decode/exr.h"

#include <strings.h>

static smalti_result not_there(const smalti__exr_decoder *self, const char *what, const char *name, smalti_error *error)
{
    char shown[64];
    smalti__printable(name, strnlen(name, 48), shown, sizeof shown);
    return smalti__source_fail(self->base.source, error, SMALTI_E_INVALID, SMALTI_NO_OFFSET, "there is no %s '%s'",
                               what, shown);
}

/* ---- channels ---- */

/* What comes behind the last dot, when what comes before it is the layer (and, behind that, the view); NULL: another's. */
static const char *name_in(const char *channel, const char *layer, const char *view)
{
    size_t size = strlen(layer);
    if (strncmp(channel, layer, size) || (size && channel[size] != '.'))
        return NULL;
    channel += size ? size + 1 : 0;
    size = view ? strlen(view) : 0;
    if (size) {
        if (strncmp(channel, view, size) || channel[size] != '.')
            return NULL;
        channel += size + 1;
    }
    return strchr(channel, '.') ? NULL : channel;
}

typedef struct channel_set {
    int32_t color[3], alpha; /* indices of channels, -1: none */
    int32_t vector[3]; /* X, Y, Z */
    int32_t luma, chroma[2];
    int32_t any[3]; /* the first ones, whatever they are called */
    uint32_t count;
} channel_set;

/* named: in a layer with a name, where vectors are shown as colours too. */
static void note(channel_set *found, const char *name, int32_t index, bool named)
{
    static const char *const names[3][2] = {{"r", "red"}, {"g", "green"}, {"b", "blue"}}, *const axes[] = {"x", "y",
                                                                                                           "z"};
    if (found->count < 3)
        found->any[found->count] = index;
    found->count++;
    for (uint32_t c = 0; c < 3; c++) {
        if (!strcasecmp(name, names[c][0]) || !strcasecmp(name, names[c][1]))
            found->color[c] = index;
        if (named && !strcasecmp(name, axes[c]))
            found->vector[c] = index;
    }
    if (!strcasecmp(name, "a") || !strcasecmp(name, "alpha"))
        found->alpha = index;
    else if (!strcasecmp(name, "y"))
        found->luma = index;
    else if (!strcasecmp(name, "ry"))
        found->chroma[0] = index;
    else if (!strcasecmp(name, "by"))
        found->chroma[1] = index;
}

static channel_set look(const smalti_exr_part *part, const char *layer, const char *view)
{
    channel_set all = {{-1, -1, -1}, -1, {-1, -1, -1}, -1, {-1, -1}, {-1, -1, -1}, 0};
    for (uint32_t i = 0; i < part->channel_count; i++) {
        const char *name = name_in(part->channels[i].name, layer, view);
        if (name)
            note(&all, name, (int32_t)i, *layer != '\0');
    }
    return all;
}

static void pick(smalti__exr_decoder *self, int32_t channel, uint32_t plane)
{
    uint32_t at = self->pick_count++;
    while (at && self->picks[at - 1].channel > (uint32_t)channel) {
        self->picks[at] = self->picks[at - 1];
        at--;
    }
    self->picks[at] = (smalti__exr_pick){(uint32_t)channel, plane};
}

/* R, G, B or Y with RY and BY or Y, and A; else the first three channels as colours, or the first alone. */
static bool pick_channels(smalti__exr_decoder *self, const channel_set *all, bool any)
{
    const int32_t *color = all->color[0] >= 0 && all->color[1] >= 0 && all->color[2] >= 0 ? all->color : all->vector;
    self->pick_count = 0;
    self->chroma = false;
    if (color[0] >= 0 && color[1] >= 0 && color[2] >= 0) {
        for (uint32_t c = 0; c < 3; c++)
            pick(self, color[c], c);
    } else if (all->luma >= 0 && all->count <= 5 && all->vector[0] < 0) {
        self->chroma = all->chroma[0] >= 0 && all->chroma[1] >= 0;
        pick(self, all->luma, 0);
        for (uint32_t c = 0; c < 2 && self->chroma; c++)
            pick(self, all->chroma[c], c + 1);
    } else if (any && all->count) {
        bool three = all->count - (all->alpha >= 0) == 3 && all->alpha < 0;
        for (uint32_t c = 0; c < (three ? 3 : 1); c++)
            pick(self, all->any[c], c);
        if (!three)
            return true; /* alone, whatever else there is */
    } else {
        return false;
    }
    if (all->alpha >= 0)
        pick(self, all->alpha, 3);
    return true;
}

/* ---- views ---- */

/* The first of the views in a file's list: its channels have no view in their names. */
static bool is_default_view(const smalti_exr_part *part, const char *view)
{
    const smalti_exr_attribute *views = smalti_exr_attribute_find(part, "multiView");
    smalti_exr_text first;
    return views && smalti_exr_attribute_text(views, 0, &first) && first.size == strlen(view) &&
           !memcmp(first.data, view, first.size);
}

static bool is_text(smalti_exr_text text, const char *wanted)
{
    return text.size == strlen(wanted) && !memcmp(text.data, wanted, text.size);
}

/* ---- parts ---- */

/* By number or name; -1: there is none. */
int64_t smalti__exr_find_part(const smalti_exr_header *header, const char *wanted)
{
    char *end;
    for (uint32_t i = 0; i < header->part_count; i++)
        if (is_text(header->parts[i].name, wanted))
            return i;
    unsigned long long number = strtoull(wanted, &end, 10);
    return *wanted >= '0' && *wanted <= '9' && !*end && number < header->part_count ? (int64_t)number : -1;
}

/* Channels of a part by layer and view, which may be NULL; false: it has none. */
static bool select_in(smalti__exr_decoder *self, const smalti_exr_part *part)
{
    const char *layer = self->base.options.layer, *view = self->base.options.view;
    if (view && (is_text(part->view, view) || is_default_view(part, view)))
        view = NULL;
    channel_set all = look(part, layer ? layer : "", view);
    if (pick_channels(self, &all, layer || view))
        return true;
    for (uint32_t i = 0; layer && i < part->channel_count; i++)
        if (!strcmp(part->channels[i].name, layer)) { /* a channel's whole name */
            self->pick_count = 0;
            pick(self, (int32_t)i, 0);
            return true;
        }
    return false;
}

/* A part that has no image of its own: the layer of its first channel. */
static void select_first(smalti__exr_decoder *self, const smalti_exr_part *part)
{
    const char *first = part->channels[0].name, *dot = strrchr(first, '.');
    char layer[256];
    snprintf(layer, sizeof layer, "%.*s", dot ? (int)(dot - first) : 0, first);
    channel_set all = look(part, layer, NULL);
    if (!pick_channels(self, &all, true)) {
        self->pick_count = 0;
        pick(self, 0, 0);
    }
}

smalti_result smalti__exr_can_decode(const smalti__exr_decoder *self, const smalti_exr_part *part, char *text,
                                     size_t text_size)
{
    if (!smalti__exr_is_deep(part))
        return smalti__exr_codec_check(part, text, text_size);
    if (self->base.options.flatten_deep)
        return SMALTI_OK; /* the header's rules allow no compression that is not known */
    snprintf(text, text_size, "deep data has no pixels of its own: ask for it flattened with --flatten-deep");
    return SMALTI_E_UNSUPPORTED;
}

static bool can_decode(const smalti__exr_decoder *self, const smalti_exr_part *part)
{
    char text[128];
    return smalti__exr_can_decode(self, part, text, sizeof text) == SMALTI_OK;
}

static smalti_result select_part(smalti__exr_decoder *self, smalti_error *error)
{
    const smalti_exr_header *header = smalti_exr_header_get(self->exr);
    const smalti__decode_options *options = &self->base.options;
    int64_t only = options->part ? smalti__exr_find_part(header, options->part) : -1;
    if (options->part && only < 0)
        return not_there(self, "part", options->part, error);
    self->part = NULL;
    /* what can be decoded first: a deep part may stand beside one that is not */
    for (uint32_t pass = 0; pass < 2 && !self->part; pass++)
        for (uint32_t i = 0; i < header->part_count && !self->part; i++) {
            const smalti_exr_part *part = &header->parts[i];
            if ((only >= 0 && i != only) || can_decode(self, part) == (pass == 1) || !select_in(self, part))
                continue;
            self->part = part;
            self->part_index = i;
        }
    if (self->part)
        return SMALTI_OK;
    if (options->layer)
        return not_there(self, "layer or channel", options->layer, error);
    if (options->view)
        return not_there(self, "view", options->view, error);
    self->part_index = only < 0 ? 0 : (uint32_t)only;
    self->part = &header->parts[self->part_index];
    select_first(self, self->part);
    return SMALTI_OK;
}

/* ---- windows ---- */

static uint32_t level_count(const smalti_exr_part *part)
{
    return part->levels_x < part->levels_y ? part->levels_x : part->levels_y;
}

/* Of a part's data window. */
static smalti_exr_box level_window(const smalti_exr_part *part, uint32_t level)
{
    smalti_exr_box box = part->data_window;
    uint64_t width = smalti__exr_level_size(smalti__exr_box_width(&box), level, part->round_up);
    uint64_t height = smalti__exr_level_size(smalti__exr_box_height(&box), level, part->round_up);
    box.max_x = (int32_t)(box.min_x + (int64_t)width - 1);
    box.max_y = (int32_t)(box.min_y + (int64_t)height - 1);
    return box;
}

void smalti__exr_choose_level(smalti__exr_decoder *self, uint32_t width, uint32_t height)
{
    const smalti_exr_part *part = self->part;
    if (self->level || memcmp(&part->data_window, &part->display_window, sizeof part->data_window))
        return; /* one that was asked for; display windows are for the whole image */
    for (uint32_t level = 1; level < level_count(part); level++) {
        smalti_exr_box box = level_window(part, level);
        if (smalti__exr_box_width(&box) < width || smalti__exr_box_height(&box) < height)
            break;
        self->level = level;
        self->window = self->canvas = box;
    }
}

static smalti_result select_level(smalti__exr_decoder *self, smalti_error *error)
{
    const smalti_exr_part *part = self->part;
    self->window = part->data_window;
    self->canvas = part->display_window;
    self->level = self->base.options.level;
    if (!self->level)
        return SMALTI_OK;
    if (self->level >= level_count(part))
        return smalti__source_fail(self->base.source, error, SMALTI_E_INVALID_RANGE, SMALTI_NO_OFFSET,
                                   "there is no level %u: the image has %u", self->level, level_count(part));
    self->window = self->canvas = level_window(part, self->level); /* display windows are for the whole image */
    return SMALTI_OK;
}

static smalti_result check_sampling(smalti__exr_decoder *self, smalti_error *error)
{
    self->subsampled = false;
    for (uint32_t i = 0; i < self->pick_count; i++) {
        const smalti_exr_channel *channel = &self->part->channels[self->picks[i].channel];
        bool may = self->picks[i].plane % 3 == 0 ? channel->x_sampling == 1 && channel->y_sampling == 1
                                                 : channel->x_sampling <= 2 && channel->y_sampling <= 2;
        if (self->chroma && !may)
            return smalti__source_fail(self->base.source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET,
                                       "luminance and chroma are sampled by %d and %d, not by 1 or 2",
                                       channel->x_sampling, channel->y_sampling);
        self->subsampled = self->subsampled || channel->x_sampling > 1 || channel->y_sampling > 1;
    }
    return SMALTI_OK;
}

static void read_light(smalti__exr_decoder *self)
{
    const smalti_exr_attribute *attribute = smalti_exr_attribute_find(self->part, "chromaticities");
    smalti__primaries primaries = smalti__primaries_srgb;
    double numbers[8];
    bool known = attribute && smalti_exr_attribute_numbers(attribute, numbers, 8) == 8;
    for (int i = 0; i < 8 && known; i++)
        primaries.xy[i / 2][i % 2] = (float)numbers[i];
    smalti__primaries_luma(&primaries, self->luma);
    self->base.light = smalti__light_linear(known ? &primaries : NULL);
}

smalti_result smalti__exr_select(smalti__exr_decoder *self, smalti_error *error)
{
    SMALTI__TRY(select_part(self, error));
    SMALTI__TRY(select_level(self, error));
    SMALTI__TRY(check_sampling(self, error));
    read_light(self);
    self->is_deep = smalti__exr_is_deep(self->part);
    return SMALTI_OK;
}

smalti_result smalti__exr_select_cell(smalti__exr_decoder *self, uint32_t part_index, uint32_t channel, bool alone,
                                      smalti_error *error)
{
    const char *name, *dot;
    char layer[256];
    self->part = &smalti_exr_header_get(self->exr)->parts[part_index];
    self->part_index = part_index;
    name = self->part->channels[channel].name, dot = strrchr(name, '.');
    snprintf(layer, sizeof layer, "%.*s", dot ? (int)(dot - name) : 0, name);
    channel_set all = look(self->part, layer, NULL);
    if (alone)
        pick(self, (int32_t)channel, 0);
    else if (!pick_channels(self, &all, all.count == 3))
        return SMALTI_OK;
    SMALTI__TRY(select_level(self, error));
    SMALTI__TRY(check_sampling(self, error));
    read_light(self);
    self->is_deep = smalti__exr_is_deep(self->part);
    return SMALTI_OK;
}

/* ---- attributes ---- */

static bool is_kept(const smalti_exr_attribute *attribute)
{
    static const char *const own[] = {
        "channels", "compression", "dataWindow", "displayWindow",      "lineOrder", "tiles",     "name",
        "type",     "chunkCount",  "version",    "maxSamplesPerPixel", "preview",   "multiView", "dwaCompressionLevel"};
    for (size_t i = 0; i < SMALTI__COUNT(own); i++)
        if (!strcmp(attribute->name, own[i]))
            return false;
    return attribute->value != NULL;
}

static size_t attribute_bytes(const smalti_exr_attribute *attribute)
{
    return strlen(attribute->name) + strlen(attribute->type_name) + 6 + attribute->size;
}

smalti_result smalti__exr_keep_attributes(smalti__exr_decoder *self, smalti_error *error)
{
    const smalti__decode_options *options = &self->base.options;
    const smalti_exr_part *part = self->part;
    smalti__metadata *metadata = &self->base.metadata;
    size_t size = 0, most = options->max_metadata ? options->max_metadata : 16 << 20;
    for (uint32_t i = 0; i < part->attribute_count; i++)
        size += is_kept(&part->attributes[i]) ? attribute_bytes(&part->attributes[i]) : 0;
    if (size > most) {
        smalti__decoder_warn(options, "attributes of %zu bytes dropped, more than %zu", size, most);
        return SMALTI_OK;
    }
    metadata->exr.data = malloc(size + 1);
    if (!metadata->exr.data)
        return smalti__fail_nomem(error, size + 1);
    for (uint32_t i = 0; i < part->attribute_count; i++) {
        const smalti_exr_attribute *attribute = &part->attributes[i];
        if (!is_kept(attribute))
            continue;
        /* they stand in the file as they are to stand in the next one */
        memcpy(metadata->exr.data + metadata->exr.size, self->base.source->data + attribute->offset,
               attribute_bytes(attribute));
        metadata->exr.size += attribute_bytes(attribute);
        metadata->exr_long_names = metadata->exr_long_names || strlen(attribute->name) > SMALTI__EXR_NAME_SHORT ||
                                   strlen(attribute->type_name) > SMALTI__EXR_NAME_SHORT;
    }
    return SMALTI_OK;
}

/* ---- info ---- */

static void describe_colors(const smalti__exr_decoder *self, smalti_info *info)
{
    uint32_t colors = self->chroma ? 3 : 0;
    int32_t chroma = -1;
    for (uint32_t i = 0; i < self->pick_count; i++) {
        info->has_alpha = info->has_alpha || self->picks[i].plane == 3;
        colors += !self->chroma && self->picks[i].plane < 3;
        if (self->picks[i].plane == 1)
            chroma = (int32_t)self->picks[i].channel;
    }
    info->channels = colors + info->has_alpha;
    static const char *const names[] = {"", "gray", "gray-alpha", "rgb", "rgba"};
    snprintf(info->color, sizeof info->color, "%s", names[info->channels]);
    if (self->chroma) {
        const smalti_exr_channel *channel = &self->part->channels[chroma];
        snprintf(info->color, sizeof info->color, "%s", info->has_alpha ? "ycbcra" : "ycbcr");
        snprintf(info->subsampling, sizeof info->subsampling, "%s",
                 channel->x_sampling == 2   ? channel->y_sampling == 2 ? "4:2:0" : "4:2:2"
                 : channel->y_sampling == 2 ? "4:4:0"
                                            : "4:4:4");
    }
}

void smalti__exr_describe(smalti__exr_decoder *self)
{
    const smalti_exr_header *header = smalti_exr_header_get(self->exr);
    smalti_info *info = &self->base.info;
    *info = (smalti_info){.format = "exr",
                          .width = smalti__exr_box_width(&self->canvas),
                          .height = smalti__exr_box_height(&self->canvas),
                          .sample = SMALTI_SAMPLE_F32,
                          .orientation = 1,
                          .frames = 1,
                          .file_bytes = header->file_bytes};
    describe_colors(self, info);
    info->bit_depth = 8 * smalti_exr_sample_bytes(self->part->channels[self->picks[0].channel].sample);
    snprintf(info->compression, sizeof info->compression, "%s", smalti_exr_compression_name(self->part->compression));
    if (__builtin_mul_overflow((uint64_t)info->width * info->height, info->channels * sizeof(float),
                               &info->decoded_bytes))
        info->decoded_bytes = UINT64_MAX;
    self->base.premultiplied = info->has_alpha;
}
