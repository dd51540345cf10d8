/* SPDX-License-Identifier: Apache-2.0
 * Kernels over the rows of an image: strips, halos and the way from one kernel to the next. */
#include "strip/chain.h"

/* A strip is to stay in the second-level cache together with what it becomes. */
enum { STRIP_BYTES = 192 * 1024, STRIP_ROWS_MIN = 8, STRIP_ROWS_MAX = 64, HALO_ROWS_MAX = 96 };

struct stage {
    const smalti__kernel_step *step;
    smalti__instance *instance;
    bool keeps_rows; /* a measure, or in place: what leaves the stage lies in its window */
    bool measure;
    smalti__shape in, out;
    uint32_t halo;
    size_t window_pitch, output_pitch;
    size_t left;         /* bytes in a row of the window before its first core pixel */
    uint32_t rows_max;   /* rows the window takes before the edge below is made */
    uint32_t outputs;    /* strips of output, used in turn */
    uint32_t next_output;
    smalti__region window, output, scratch;
    int64_t top;         /* image row of the window's first row; −halo at the start */
    uint32_t filled;     /* rows in the window */
    uint32_t arrived;    /* rows of the image that have come */
    uint32_t done;       /* rows of the image that have left */
};

struct smalti__chain {
    smalti__chain_setup setup;
    uint32_t strip_rows;
    uint32_t pushed;      /* rows of the image that have come in */
    bool direct;          /* the first window takes rows as they come in */
    uint64_t emit_ns;     /* spent in emit during the current push */
    uint8_t *strip_in;    /* where rows are put when no window can take them: no kernel, or a conversion first */
    size_t strip_in_pitch;
    uint8_t *strip_out;   /* where rows are converted to before they are emitted */
    size_t strip_out_pitch;
    size_t turn_in, turn; /* which of two strips is next, when rows are to stay */
    smalti__shape last;   /* behind the last kernel */
    struct stage stages[];
};

/* ---- what a kernel is to see ---- */

static smalti_sample pick_sample(uint32_t accepted, smalti_sample have)
{
    static const smalti_sample order_u8[] = {SMALTI_SAMPLE_U8, SMALTI_SAMPLE_U16, SMALTI_SAMPLE_F32};
    static const smalti_sample order_u16[] = {SMALTI_SAMPLE_U16, SMALTI_SAMPLE_F32, SMALTI_SAMPLE_U8};
    static const smalti_sample order_f32[] = {SMALTI_SAMPLE_F32, SMALTI_SAMPLE_U16, SMALTI_SAMPLE_U8};
    const smalti_sample *order = have == SMALTI_SAMPLE_U8    ? order_u8
                                 : have == SMALTI_SAMPLE_U16 ? order_u16
                                                             : order_f32;
    for (int i = 0; i < 3; i++)
        if (accepted >> order[i] & 1)
            return order[i];
    return have;
}

static uint32_t pick_channels(uint32_t accepted, uint32_t have)
{
    static const uint8_t order[5][4] = {
        {0}, {1, 3, 2, 4}, {2, 4}, {3, 4}, {4}}; /* alpha is never dropped for a kernel */
    for (int i = 0; i < 4 && order[have][i]; i++)
        if (accepted >> order[have][i] & 1)
            return order[have][i];
    return 0;
}

static smalti_result step_shape(const smalti_kernel_info *info, const smalti__shape *in, smalti__shape *seen,
                                smalti__shape *out, smalti_error *error)
{
    if (info->kind != SMALTI_KERNEL_TILE && info->kind != SMALTI_KERNEL_MEASURE)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "kernel %s is a WASI command: it cannot be a step",
                            info->name);
    *seen = *in;
    seen->sample = pick_sample(info->samples, in->sample);
    seen->channels = pick_channels(info->channels, in->channels);
    if (!seen->channels) {
        char list[24] = "";
        for (uint32_t n = 1; n <= 4; n++)
            if (info->channels >> n & 1)
                snprintf(list + strlen(list), sizeof list - strlen(list), "%s%u", *list ? ", " : "", n);
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "kernel %s takes %s channels, the image has %u", info->name,
                            list, in->channels);
    }
    seen->premultiplied = info->premultiplied && seen->channels % 2 == 0;
    *out = *seen;
    if (info->kind == SMALTI_KERNEL_TILE)
        out->channels = info->output_channels[seen->channels];
    out->premultiplied = seen->premultiplied && out->channels % 2 == 0;
    return SMALTI_OK;
}

smalti_result smalti__chain_route(const smalti__kernel_step *steps, size_t step_count, const smalti__shape *in,
                                  smalti__shape *shapes, smalti__shape *out, smalti_error *error)
{
    smalti__shape at = *in;
    for (size_t i = 0; i < step_count; i++) {
        smalti__shape next = {0};
        SMALTI__TRY(step_shape(smalti_kernel_describe(steps[i].kernel), &at, &shapes[i], &next, error));
        at = next;
    }
    *out = at;
    return SMALTI_OK;
}

/* ---- sizes ---- */

static size_t row_pitch(size_t bytes)
{
    size_t pitch = smalti__align(bytes, 64);
    return pitch % 4096 ? pitch : pitch + 64; /* rows a page apart would share their cache sets */
}

/* Fills in the sizes of a stage for strips of rows rows; the bytes of its window and output. */
static smalti_result stage_sizes(struct stage *stage, uint32_t rows, size_t *window_bytes, size_t *output_bytes,
                                 smalti_error *error)
{
    size_t pixel = smalti__pixel_bytes(&stage->in), core, total_rows;
    bool fits = smalti__mul(stage->in.width, pixel, &core);
    size_t edge = stage->halo * pixel;
    stage->left = smalti__align(edge, 64);
    stage->window_pitch = row_pitch(stage->left + core + edge);
    stage->output_pitch = row_pitch(stage->out.width * smalti__pixel_bytes(&stage->out));
    stage->rows_max = rows + 2 * stage->halo;
    /* room for the edge below; the whole image with both its edges is the most there can be */
    total_rows = (size_t)stage->rows_max + stage->halo;
    if (total_rows > stage->in.height + 2 * (size_t)stage->halo)
        total_rows = stage->in.height + 2 * (size_t)stage->halo;
    fits = fits && smalti__mul(stage->window_pitch, total_rows, window_bytes) &&
           smalti__mul(stage->output_pitch, (size_t)stage->outputs * rows, output_bytes) &&
           stage->window_pitch <= UINT32_MAX && stage->output_pitch <= UINT32_MAX;
    if (!fits)
        return smalti__fail(error, SMALTI_E_LIMIT, "a strip of the image is too large for a kernel");
    return SMALTI_OK;
}

static void stage_init(struct stage *stage, const smalti__chain_setup *setup, size_t index, const smalti__shape *seen)
{
    const smalti__kernel_step *step = &setup->steps[index];
    const smalti_kernel_info *info = smalti_kernel_describe(step->kernel);
    bool stays = setup->rows_stay && index + 1 == setup->step_count;
    stage->step = step;
    stage->measure = info->kind == SMALTI_KERNEL_MEASURE;
    stage->keeps_rows = stage->measure || (info->in_place && !stays);
    stage->outputs = stage->keeps_rows ? 0 : 1 + stays;
    stage->in = stage->out = *seen;
    if (!stage->measure)
        stage->out.channels = info->output_channels[seen->channels];
    stage->out.premultiplied = seen->premultiplied && stage->out.channels % 2 == 0;
    stage->halo = step->halo;
    stage->top = -(int64_t)stage->halo;
    stage->filled = stage->halo; /* the edge above, made when the first row is there */
}

uint32_t smalti__chain_strip_rows(const smalti__chain_setup *setup)
{
    if (setup->strip_rows)
        return setup->strip_rows < setup->in.height ? setup->strip_rows : setup->in.height;
    size_t row_bytes = (size_t)setup->in.width * smalti__pixel_bytes(&setup->in);
    size_t rows = STRIP_BYTES / (row_bytes ? row_bytes : 1);
    rows = rows < STRIP_ROWS_MIN ? STRIP_ROWS_MIN : rows > STRIP_ROWS_MAX ? STRIP_ROWS_MAX : rows;
    for (size_t i = 0; i < setup->step_count; i++) { /* two strips share 2 halo rows, which are moved: not too often */
        size_t halo = setup->steps[i].halo, least = 4 * halo < HALO_ROWS_MAX ? 4 * halo : HALO_ROWS_MAX;
        least = least < halo ? halo : least;
        rows = rows < least ? least : rows;
    }
    return rows < setup->in.height ? (uint32_t)rows : setup->in.height;
}

smalti_result smalti__chain_bytes(const smalti__chain_setup *setup, size_t *bytes, smalti_error *error)
{
    enum { INSTANCE_BYTES = 256 * 1024 }; /* stack, data and rounding of an instance */
    smalti__shape shapes[SMALTI__STEPS_MAX], out;
    if (setup->step_count > SMALTI__COUNT(shapes))
        return smalti__fail(error, SMALTI_E_LIMIT, "more than %d steps", SMALTI__STEPS_MAX);
    uint32_t rows = smalti__chain_strip_rows(setup);
    SMALTI__TRY(smalti__chain_route(setup->steps, setup->step_count, &setup->in, shapes, &out, error));
    size_t total = 0, row;
    for (size_t i = 0; i < setup->step_count; i++) {
        struct stage stage = {0};
        size_t window = 0, output = 0;
        stage_init(&stage, setup, i, &shapes[i]);
        SMALTI__TRY(stage_sizes(&stage, rows, &window, &output, error));
        if (!smalti__add(total, window, &total) || !smalti__add(total, output, &total) ||
            !smalti__add(total, INSTANCE_BYTES, &total))
            return smalti__fail(error, SMALTI_E_LIMIT, "the image is too large");
    }
    /* strips in and out of the chain: at most one of each shape */
    if (!smalti__mul(row_pitch(setup->in.width * (smalti__pixel_bytes(&setup->in) + smalti__pixel_bytes(&setup->out))),
                     ((size_t)rows + 1) * (1 + setup->rows_stay), &row) ||
        !smalti__add(total, row, &total))
        return smalti__fail(error, SMALTI_E_LIMIT, "the image is too large");
    *bytes = total;
    return SMALTI_OK;
}

bool smalti__chain_can_stay(const smalti__chain_setup *setup)
{
    const smalti__kernel_step *last = setup->step_count ? &setup->steps[setup->step_count - 1] : NULL;
    return !last || smalti_kernel_describe(last->kernel)->kind != SMALTI_KERNEL_MEASURE;
}

/* ---- opening ---- */

static smalti__tile stage_tile(const struct stage *stage)
{
    return (smalti__tile){
        .sample = stage->in.sample,
        .channels = stage->in.channels,
        .dst_channels = stage->measure ? 0 : stage->out.channels,
        .halo = stage->halo,
        .width = stage->in.width,
        .height = stage->in.height,
        .image_width = stage->in.width,
        .image_height = stage->in.height,
        .src_pitch = (uint32_t)stage->window_pitch,
        .dst_pitch = stage->measure ? 0 : (uint32_t)(stage->keeps_rows ? stage->window_pitch : stage->output_pitch),
    };
}

static smalti_result stage_open(struct stage *stage, uint32_t strip_rows, smalti_error *error)
{
    size_t window_bytes = 0, output_bytes = 0, scratch_bytes = 0;
    SMALTI__TRY(stage_sizes(stage, strip_rows, &window_bytes, &output_bytes, error));
    SMALTI__TRY(smalti__instance_new(stage->step->kernel, stage->step->params, &stage->instance, error));
    smalti__tile tile = stage_tile(stage);
    tile.height = strip_rows;
    SMALTI__TRY(smalti__instance_scratch(stage->instance, &tile, &scratch_bytes, error));
    SMALTI__TRY(smalti__instance_region(stage->instance, window_bytes, &stage->window, error));
    if (output_bytes)
        SMALTI__TRY(smalti__instance_region(stage->instance, output_bytes, &stage->output, error));
    if (scratch_bytes)
        SMALTI__TRY(smalti__instance_region(stage->instance, scratch_bytes, &stage->scratch, error));
    if (stage->measure) {
        tile.height = stage->in.height;
        SMALTI__TRY(smalti__instance_measure_begin(stage->instance, &tile, error));
    }
    return SMALTI_OK;
}

static smalti_result strip_buffer(smalti__chain *chain, const smalti__shape *shape, uint8_t **buffer, size_t *pitch,
                                  smalti_error *error)
{
    size_t bytes;
    *pitch = row_pitch(shape->width * smalti__pixel_bytes(shape));
    if (!smalti__mul(*pitch, (size_t)chain->strip_rows * (1 + chain->setup.rows_stay), &bytes))
        return smalti__fail(error, SMALTI_E_LIMIT, "the image is too large");
    *buffer = smalti__pool_get(chain->setup.pool, bytes);
    return *buffer ? SMALTI_OK : smalti__fail_nomem(error, bytes);
}

static smalti_result open_stages(smalti__chain *chain, smalti_error *error)
{
    const smalti__chain_setup *setup = &chain->setup;
    smalti__shape shapes[SMALTI__STEPS_MAX];
    if (setup->step_count > SMALTI__COUNT(shapes))
        return smalti__fail(error, SMALTI_E_LIMIT, "more than %d steps", SMALTI__STEPS_MAX);
    SMALTI__TRY(smalti__chain_route(setup->steps, setup->step_count, &setup->in, shapes, &chain->last, error));
    for (size_t i = 0; i < setup->step_count; i++)
        stage_init(&chain->stages[i], setup, i, &shapes[i]);
    for (size_t i = 0; i < setup->step_count; i++)
        SMALTI__TRY(stage_open(&chain->stages[i], chain->strip_rows, error));
    chain->direct = setup->step_count && smalti__shape_same(&setup->in, &chain->stages[0].in);
    if (!chain->direct)
        SMALTI__TRY(strip_buffer(chain, &setup->in, &chain->strip_in, &chain->strip_in_pitch, error));
    if (!smalti__shape_same(&chain->last, &setup->out))
        SMALTI__TRY(strip_buffer(chain, &setup->out, &chain->strip_out, &chain->strip_out_pitch, error));
    return SMALTI_OK;
}

smalti_result smalti__chain_open(const smalti__chain_setup *setup, smalti__chain **chain, smalti_error *error)
{
    size_t bytes = sizeof(smalti__chain) + setup->step_count * sizeof(struct stage);
    smalti__chain *made = calloc(1, bytes);
    if (!made)
        return smalti__fail_nomem(error, bytes);
    uint64_t start = smalti__now_ns();
    made->setup = *setup;
    made->strip_rows = smalti__chain_strip_rows(setup);
    smalti_result result = open_stages(made, error);
    setup->stats->kernel_ns += smalti__now_ns() - start;
    if (result < 0) {
        smalti__chain_close(made);
        return result;
    }
    *chain = made;
    return SMALTI_OK;
}

void smalti__chain_close(smalti__chain *chain)
{
    if (!chain)
        return;
    for (size_t i = 0; i < chain->setup.step_count; i++)
        smalti__instance_free(chain->stages[i].instance);
    smalti__pool_put(chain->setup.pool, chain->strip_in);
    smalti__pool_put(chain->setup.pool, chain->strip_out);
    free(chain);
}

/* ---- the window ---- */

static uint8_t *window_row(const struct stage *stage, uint32_t row)
{
    return stage->window.host + row * stage->window_pitch;
}

/* Repeats the first and last pixel of a row to its left and right. */
static void make_sides(const struct stage *stage, uint8_t *row)
{
    size_t pixel = smalti__pixel_bytes(&stage->in), width = stage->in.width;
    uint8_t *core = row + stage->left, *end = core + width * pixel;
    for (uint32_t i = 1; i <= stage->halo; i++) {
        memcpy(core - i * pixel, core, pixel);
        memcpy(end + (i - 1) * pixel, end - pixel, pixel);
    }
}

static void repeat_row(const struct stage *stage, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < stage->halo; i++)
        memcpy(window_row(stage, to + i), window_row(stage, from), stage->window_pitch);
}

/* count rows have been written behind the filled ones: makes their halo. */
static void window_arrived(struct stage *stage, uint32_t count, smalti_stats *stats)
{
    if (stage->halo) {
        for (uint32_t i = 0; i < count; i++)
            make_sides(stage, window_row(stage, stage->filled + i));
        stats->halo_bytes += 2ull * count * stage->halo * smalti__pixel_bytes(&stage->in);
    }
    bool first = stage->arrived == 0;
    stage->filled += count;
    stage->arrived += count;
    if (first && stage->halo) {
        repeat_row(stage, stage->halo, 0);
        stats->halo_bytes += stage->halo * stage->window_pitch;
    }
    if (stage->arrived == stage->in.height && stage->halo) {
        repeat_row(stage, stage->filled - 1, stage->filled);
        stage->filled += stage->halo;
        stats->halo_bytes += stage->halo * stage->window_pitch;
    }
}

/* Moves the rows that are still needed to the top of the window. */
static void window_shift(struct stage *stage, smalti_stats *stats)
{
    int64_t needed = (int64_t)stage->done - stage->halo;
    if (needed <= stage->top)
        return;
    uint32_t drop = (uint32_t)(needed - stage->top), keep = stage->filled - drop;
    if (keep) {
        memmove(stage->window.host, window_row(stage, drop), keep * stage->window_pitch);
        stats->halo_bytes += keep * stage->window_pitch;
    }
    stage->top = needed;
    stage->filled = keep;
}

/* ---- the way of a strip ---- */

static smalti_result give(smalti__chain *chain, size_t next, const uint8_t *rows, size_t pitch, uint32_t count,
                          smalti_error *error);

/* Runs the kernel on every row whose halo is there, and hands on what it made. */
static smalti_result stage_run(smalti__chain *chain, size_t index, smalti_error *error)
{
    struct stage *stage = &chain->stages[index];
    uint32_t ready = stage->arrived == stage->in.height ? stage->arrived
                     : stage->arrived > stage->halo     ? stage->arrived - stage->halo
                                                        : 0;
    while (stage->done < ready) {
        uint32_t rows = ready - stage->done < chain->strip_rows ? ready - stage->done : chain->strip_rows;
        size_t offset = (size_t)(stage->done - stage->top) * stage->window_pitch + stage->left;
        smalti__tile tile = stage_tile(stage);
        tile.height = rows;
        tile.y = stage->done;
        tile.src = stage->window.guest + offset;
        size_t out = stage->keeps_rows ? 0 : stage->next_output * chain->strip_rows * stage->output_pitch;
        tile.dst = stage->measure ? 0 : stage->keeps_rows ? tile.src : stage->output.guest + out;
        tile.scratch = stage->scratch.guest;
        tile.scratch_bytes = (uint32_t)stage->scratch.bytes;
        if (stage->measure)
            SMALTI__TRY(smalti__instance_measure_accumulate(stage->instance, &tile, error));
        else
            SMALTI__TRY(smalti__instance_tile(stage->instance, &tile, error));
        chain->setup.stats->strips++;
        stage->done += rows;
        if (stage->keeps_rows)
            SMALTI__TRY(give(chain, index + 1, stage->window.host + offset, stage->window_pitch, rows, error));
        else
            SMALTI__TRY(give(chain, index + 1, stage->output.host + out, stage->output_pitch, rows, error));
        stage->next_output = stage->next_output + 1 < stage->outputs ? stage->next_output + 1 : 0;
    }
    if (stage->done < stage->in.height)
        window_shift(stage, chain->setup.stats);
    return SMALTI_OK;
}

static void convert(smalti__chain *chain, const smalti__shape *from, const void *src, size_t src_pitch,
                    const smalti__shape *to, void *dst, size_t dst_pitch, uint32_t count)
{
    smalti_stats *stats = chain->setup.stats;
    uint64_t bytes = (uint64_t)count * to->width * smalti__pixel_bytes(to);
    smalti__convert_rows(from, src, src_pitch, to, dst, dst_pitch, count, chain->setup.background);
    if (smalti__shape_same(from, to)) {
        stats->copied_rows += count;
        stats->copied_bytes += bytes;
    } else {
        stats->converted_bytes += bytes;
    }
}

static smalti_result emit(smalti__chain *chain, const uint8_t *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    if (chain->strip_out) {
        uint8_t *out = chain->strip_out + chain->turn * chain->strip_rows * chain->strip_out_pitch;
        convert(chain, &chain->last, rows, pitch, &chain->setup.out, out, chain->strip_out_pitch, count);
        chain->turn ^= chain->setup.rows_stay;
        rows = out;
        pitch = chain->strip_out_pitch;
    }
    if (!chain->setup.emit)
        return SMALTI_OK;
    uint64_t start = smalti__now_ns();
    smalti_result result = chain->setup.emit(chain->setup.user, rows, pitch, count, error);
    chain->emit_ns += smalti__now_ns() - start;
    return result;
}

/* Gives rows (at most a strip) to stage next, or out. Their shape is that of what lies before. */
static smalti_result give(smalti__chain *chain, size_t next, const uint8_t *rows, size_t pitch, uint32_t count,
                          smalti_error *error)
{
    if (next == chain->setup.step_count)
        return emit(chain, rows, pitch, count, error);
    struct stage *stage = &chain->stages[next];
    const smalti__shape *from = next ? &chain->stages[next - 1].out : &chain->setup.in;
    while (count) {
        uint32_t room = stage->rows_max - stage->filled, take = count < room ? count : room;
        convert(chain, from, rows, pitch, &stage->in, window_row(stage, stage->filled) + stage->left,
                stage->window_pitch, take);
        window_arrived(stage, take, chain->setup.stats);
        SMALTI__TRY(stage_run(chain, next, error));
        rows += take * pitch;
        count -= take;
    }
    return SMALTI_OK;
}

/* ---- in ---- */

void smalti__chain_space(smalti__chain *chain, void **dst, size_t *pitch, uint32_t *rows)
{
    uint32_t left = chain->setup.in.height - chain->pushed, room = chain->strip_rows;
    if (chain->direct) {
        struct stage *first = &chain->stages[0];
        *dst = window_row(first, first->filled) + first->left;
        *pitch = first->window_pitch;
        room = first->rows_max - first->filled;
    } else {
        *dst = chain->strip_in + chain->turn_in * chain->strip_rows * chain->strip_in_pitch;
        *pitch = chain->strip_in_pitch;
    }
    *rows = left < room ? left : room;
}

static smalti_result push(smalti__chain *chain, const void *rows, size_t pitch, uint32_t count, bool placed,
                          smalti_error *error)
{
    uint64_t start = smalti__now_ns();
    smalti_result result = SMALTI_OK;
    chain->emit_ns = 0;
    chain->pushed += count;
    if (placed) {
        window_arrived(&chain->stages[0], count, chain->setup.stats);
        result = stage_run(chain, 0, error);
    }
    for (uint32_t done = 0; !placed && result == SMALTI_OK && done < count;) { /* in strips: strip_out holds one */
        uint32_t take = count - done < chain->strip_rows ? count - done : chain->strip_rows;
        result = give(chain, 0, (const uint8_t *)rows + done * pitch, pitch, take, error);
        done += take;
    }
    chain->setup.stats->kernel_ns += smalti__now_ns() - start - chain->emit_ns;
    return result;
}

smalti_result smalti__chain_commit(smalti__chain *chain, uint32_t rows, smalti_error *error)
{
    const uint8_t *in = chain->strip_in + chain->turn_in * chain->strip_rows * chain->strip_in_pitch;
    chain->turn_in ^= chain->setup.rows_stay;
    return push(chain, in, chain->strip_in_pitch, rows, chain->direct, error);
}

smalti_result smalti__chain_push(smalti__chain *chain, const void *rows, size_t pitch, uint32_t count,
                                 smalti_error *error)
{
    return push(chain, rows, pitch, count, false, error);
}

smalti_result smalti__chain_measure(smalti__chain *chain, size_t step, double *values, smalti_error *error)
{
    struct stage *stage = &chain->stages[step];
    smalti__tile whole = stage_tile(stage);
    return smalti__instance_measure_finish(stage->instance, &whole, values, error);
}
