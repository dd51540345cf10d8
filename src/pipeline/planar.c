/* SPDX-License-Identifier: Apache-2.0
 * Planes from decoder to encoder. A sample lies in the centre of the pixels that it stands for, so all planes are scaled by
 * the same rectangle of the image: that of a plane is the image's, divided by what a sample stands for. */
#include "pipeline/planar.h"

#include "base/handoff.h"
#include "pixel/orient.h"

#include <math.h>

enum {
    SLOTS = 4, /* units decoded ahead */
    ALIGN = 64,
    /* Rows of a plane that may wait for those of another: their filters reach differently far (3 samples of planes of which
     * one is twice as coarse, stretched by the reduction, are at most 12 output rows), and they are late by a few rows. */
    LATE_ROWS = 48
};

/* One plane on its way. */
typedef struct plane {
    smalti__resample *resample;
    uint32_t pad_across, pad_down; /* samples that are repeated at the right and lower edge */
    uint32_t width; /* of the output */
    uint8_t *rows; /* those that wait for the other planes'; pool */
    size_t pitch;
    uint32_t count, room;
    uint8_t *turned; /* a unit of the encoder's, where rows are kept whole; pool */
} plane;

typedef struct planar {
    const smalti__planar_setup *setup;
    const smalti__planar_plan *plan;
    smalti__encoder *encoder;
    smalti__planes image, unit; /* of the encoder */
    plane planes[3];
    uint8_t *slots[SLOTS][3]; /* pool */
    smalti__planes filled[SLOTS];
    size_t slot_pitch[3];
    uint64_t decode_ns;
    uint64_t encode_ns;
    /* of the thread that decodes ahead */
    smalti__handoff ahead;
    smalti_result result;
    smalti_error error;
} planar;

/* ---- geometry ---- */

/* Planes before they are turned upright. */
static smalti__planes before_turn(const smalti__planes *upright, uint32_t orientation)
{
    smalti__planes planes = *upright;
    for (uint32_t i = 0; i < planes.count && smalti__orient_swaps(orientation); i++) {
        planes.across[i] = upright->down[i], planes.down[i] = upright->across[i];
        planes.width[i] = upright->height[i], planes.height[i] = upright->width[i];
    }
    return planes;
}

/* Along one axis of a plane: what the resampler is told. A plane of 4:2:0 may stand for a pixel more than the image has; so
 * may the output's, and then its last sample is made from repeated ones. */
static void fit_axis(double start, double length, uint32_t divisor, uint32_t step, uint32_t in_samples,
                     uint32_t out_pixels, uint32_t out_step, uint32_t out_samples, double *at, double *size,
                     uint32_t *pad)
{
    double scale = 1.0 / ((double)divisor * step);
    *at = start * scale;
    *size = length * scale * ((double)out_samples * out_step / out_pixels);
    double over = ceil(*at + *size - 1e-6) - in_samples;
    *pad = over > 0 ? (uint32_t)over : 0;
    if (*at + *size > in_samples + *pad)
        *size = in_samples + *pad - *at;
}

static smalti__resample_setup plane_setup(const smalti__planar_setup *setup, const smalti__planes *from,
                                          const smalti__planes *upright, uint32_t i, uint32_t *pad_across,
                                          uint32_t *pad_down)
{
    const smalti__planes to = before_turn(upright, setup->orientation);
    bool swaps = smalti__orient_swaps(setup->orientation);
    uint32_t out_width = swaps ? setup->seed->height : setup->seed->width;
    uint32_t out_height = swaps ? setup->seed->width : setup->seed->height;
    smalti__resample_setup made = {
        .in = {.channels = 1, .sample = SMALTI_SAMPLE_U8},
        .out_width = to.width[i],
        .out_height = to.height[i],
        .filter = setup->filter,
        .pool = setup->pool,
    };
    uint32_t divisor = setup->decoder->reduced;
    fit_axis(setup->x, setup->width, divisor, from->across[i], from->width[i], out_width, to.across[i], to.width[i],
             &made.x, &made.width, pad_across);
    fit_axis(setup->y, setup->height, divisor, from->down[i], from->height[i], out_height, to.down[i], to.height[i],
             &made.y, &made.height, pad_down);
    made.in.width = from->width[i] + *pad_across;
    made.in.height = from->height[i] + *pad_down;
    return made;
}

/* Planes of an encoder before it is opened: as fine as they can be. */
static smalti__planes finest(const smalti__planar_setup *setup)
{
    smalti__planes planes = {.count = setup->seed->channels};
    for (uint32_t i = 0; i < planes.count; i++) {
        planes.across[i] = planes.down[i] = 1;
        planes.width[i] = setup->seed->width;
        planes.height[i] = setup->seed->height;
    }
    return planes;
}

static uint32_t waiting_rows(const planar *self, uint32_t i)
{
    if (self->setup->orientation != 1)
        return before_turn(&self->image, self->setup->orientation).height[i];
    return self->unit.height[i] + self->plan->unit.height[i] + LATE_ROWS;
}

/* ---- the plan ---- */

static smalti_result sum_bytes(const smalti__planar_setup *setup, smalti__planar_plan *plan)
{
    smalti__planes out = finest(setup);
    size_t total = 0;
    for (uint32_t i = 0; i < plan->image.count; i++) {
        uint32_t across, down;
        smalti__resample_setup resample = plane_setup(setup, &plan->image, &out, i, &across, &down);
        size_t bytes, pitch = smalti__align((size_t)resample.in.width + ALIGN, ALIGN);
        SMALTI__TRY(smalti__resample_bytes(&resample, &bytes, NULL));
        size_t slots = (plan->ahead ? SLOTS : 1) * plan->unit.height[i] * pitch;
        size_t row_bytes = smalti__align((size_t)resample.out_width + ALIGN, ALIGN);
        size_t rows = SMALTI__PLANE_ROWS_MAX + plan->unit.height[i] + LATE_ROWS;
        if (setup->orientation != 1) /* the whole plane, and a unit of it turned */
            slots += SMALTI__PLANE_ROWS_MAX * smalti__align((size_t)setup->seed->width + ALIGN, ALIGN),
                rows = resample.out_height;
        total += bytes + slots + rows * row_bytes;
    }
    plan->work_bytes = total;
    return SMALTI_OK;
}

/* The last sample of subsampled chroma may stand for a pixel more than the image has: mirrored it would come first. */
static bool turns_well(const smalti__planar_setup *setup)
{
    uint32_t orientation = setup->orientation;
    bool mirrored = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    bool flipped = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    return !(mirrored && setup->seed->width % 2) && !(flipped && setup->seed->height % 2);
}

bool smalti__planar_make(const smalti__planar_setup *setup, smalti__planar_plan *plan)
{
    const smalti__decoder *decoder = setup->decoder;
    const smalti__encoder *seed = setup->seed;
    uint32_t out_height = smalti__orient_swaps(setup->orientation) ? seed->width : seed->height;
    if (!seed->format->open_planes || seed->params.lossless || seed->sample != SMALTI_SAMPLE_U8 ||
        decoder->out.sample != SMALTI_SAMPLE_U8 || seed->channels != decoder->out.channels ||
        (decoder->options.all_frames && decoder->info.frames > 1) || !turns_well(setup))
        return false;
    /* where an image is enlarged rows of one plane would pile up waiting for those of another */
    if (setup->height / decoder->reduced < out_height)
        return false;
    smalti__planar_plan made = {.ahead = setup->spare_thread && !decoder->options.lenient};
    /* where chroma is stored coarser than luma and will be again, it need not be finer in between */
    bool fine = seed->params.subsampling == 444 || seed->params.subsampling == 422;
    if (!smalti__decoder_planar(setup->decoder, fine, &made.image, &made.unit))
        return false;
    *plan = made;
    return sum_bytes(setup, plan) == SMALTI_OK;
}

/* ---- output ---- */

static smalti_result take_rows(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    plane *to = user;
    if (count > to->room - to->count)
        return smalti__fail(error, SMALTI_E_INVALID, "planes drift apart"); /* a mistake of ours */
    for (uint32_t y = 0; y < count; y++)
        memcpy(to->rows + (to->count + y) * to->pitch, (const uint8_t *)rows + y * pitch, to->width);
    to->count += count;
    return SMALTI_OK;
}

/* Writes the units that are complete in all planes. */
static smalti_result drain(planar *self, smalti_error *error)
{
    uint32_t used[3] = {0};
    uint64_t begin = smalti__now_ns();
    for (;;) {
        smalti__planes rows = self->unit;
        bool complete = self->encoder->row < self->image.height[0];
        for (uint32_t i = 0; i < rows.count && complete; i++) {
            const plane *from = &self->planes[i];
            uint32_t left = self->image.height[i] - self->encoder->row / self->image.down[i];
            rows.height[i] = left < rows.height[i] ? left : rows.height[i];
            rows.data[i] = from->rows + used[i] * from->pitch;
            rows.pitch[i] = from->pitch;
            complete = from->count - used[i] >= rows.height[i];
        }
        if (!complete)
            break;
        SMALTI__TRY(self->encoder->format->write_planes(self->encoder, &rows, error));
        for (uint32_t i = 0; i < rows.count; i++)
            used[i] += rows.height[i];
    }
    self->encode_ns += smalti__now_ns() - begin;
    for (uint32_t i = 0; i < self->unit.count && used[0]; i++) {
        plane *from = &self->planes[i];
        from->count -= used[i];
        memmove(from->rows, from->rows + used[i] * from->pitch, from->count * from->pitch);
    }
    return SMALTI_OK;
}

/* Where the planes were kept whole: turns them upright, a unit at a time. */
static smalti_result write_turned(planar *self, smalti_error *error)
{
    uint32_t orientation = self->setup->orientation;
    const smalti__planes before = before_turn(&self->image, orientation);
    uint64_t begin = smalti__now_ns();
    while (self->encoder->row < self->image.height[0]) {
        smalti__planes rows = self->unit;
        for (uint32_t i = 0; i < rows.count; i++) {
            const plane *from = &self->planes[i];
            const smalti__shape stored = {before.width[i], before.height[i], 1, SMALTI_SAMPLE_U8, false};
            uint32_t row = self->encoder->row / self->image.down[i], left = self->image.height[i] - row;
            rows.height[i] = left < rows.height[i] ? left : rows.height[i];
            rows.data[i] = from->turned;
            rows.pitch[i] = smalti__align((size_t)self->image.width[i] + ALIGN, ALIGN);
            smalti__orient_rows(&stored, from->rows, from->pitch, orientation, row, rows.height[i], rows.data[i],
                                rows.pitch[i]);
        }
        SMALTI__TRY(smalti__stop_check(self->setup->stop, error));
        SMALTI__TRY(self->encoder->format->write_planes(self->encoder, &rows, error));
    }
    self->encode_ns += smalti__now_ns() - begin;
    return SMALTI_OK;
}

/* ---- input ---- */

/* Decodes the next unit into a slot. */
static smalti_result decode(planar *self, uint32_t slot, smalti_error *error)
{
    const smalti__planes *unit = &self->plan->unit;
    smalti__planes *room = &self->filled[slot];
    uint64_t begin = smalti__now_ns();
    *room = *unit;
    for (uint32_t i = 0; i < unit->count; i++) {
        room->data[i] = self->slots[slot][i];
        room->pitch[i] = self->slot_pitch[i];
    }
    smalti_result result = smalti__decoder_read_planes(self->setup->decoder, room, error);
    for (uint32_t i = 0; i < unit->count && result == SMALTI_OK; i++)
        for (uint32_t y = 0; y < room->height[i] && self->planes[i].pad_across; y++) {
            uint8_t *end = room->data[i] + y * room->pitch[i] + room->width[i];
            memset(end, end[-1], self->planes[i].pad_across);
        }
    self->decode_ns += smalti__now_ns() - begin;
    return result;
}

static void decode_ahead(void *user)
{
    planar *self = user;
    const smalti__decoder *decoder = self->setup->decoder;
    for (uint32_t slot = 0; decoder->row < self->plan->image.height[0]; slot = (slot + 1) % SLOTS) {
        if (!smalti__handoff_room(&self->ahead))
            return;
        self->result = decode(self, slot, &self->error);
        if (self->result < 0)
            return;
        smalti__handoff_give(&self->ahead);
    }
}

static smalti_result push(planar *self, const smalti__planes *rows, bool last, smalti_error *error)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        const plane *to = &self->planes[i];
        const uint8_t *end = rows->data[i] + (rows->height[i] - 1) * rows->pitch[i];
        SMALTI__TRY(smalti__resample_push(to->resample, rows->data[i], rows->pitch[i], rows->height[i], error));
        for (uint32_t y = 0; last && y < to->pad_down; y++)
            SMALTI__TRY(smalti__resample_push(to->resample, end, rows->pitch[i], 1, error));
    }
    if (self->setup->orientation == 1)
        return drain(self, error);
    return last ? write_turned(self, error) : SMALTI_OK;
}

static smalti_result pump(planar *self, bool ahead, smalti_error *error)
{
    const smalti__planar_setup *setup = self->setup;
    uint32_t rows = 0, height = self->plan->image.height[0], slot = 0;
    while (rows < height) {
        SMALTI__TRY(smalti__stop_check(setup->stop, error));
        if (!ahead) {
            SMALTI__TRY(decode(self, slot, error));
        } else if (!smalti__handoff_wait(&self->ahead, 1)) {
            if (error)
                *error = self->error;
            return self->result;
        }
        rows += self->filled[slot].height[0];
        SMALTI__TRY(push(self, &self->filled[slot], rows == height, error));
        if (ahead) {
            smalti__handoff_take(&self->ahead);
            slot = (slot + 1) % SLOTS;
        }
        if (setup->progress)
            setup->progress(setup->user, rows);
    }
    return SMALTI_OK;
}

/* ---- the whole ---- */

static smalti_result get(planar *self, uint8_t **to, size_t bytes, smalti_error *error)
{
    *to = smalti__pool_get(self->setup->pool, bytes);
    return *to ? SMALTI_OK : smalti__fail_nomem(error, bytes);
}

static smalti_result open_plane(planar *self, uint32_t i, smalti_error *error)
{
    plane *to = &self->planes[i];
    smalti__resample_setup resample =
        plane_setup(self->setup, &self->plan->image, &self->image, i, &to->pad_across, &to->pad_down);
    const smalti__planes *unit = &self->plan->unit;
    self->slot_pitch[i] = smalti__align((size_t)resample.in.width + ALIGN, ALIGN);
    for (uint32_t slot = 0; slot < (self->plan->ahead ? SLOTS : 1); slot++)
        SMALTI__TRY(get(self, &self->slots[slot][i], unit->height[i] * self->slot_pitch[i], error));
    to->width = resample.out_width;
    to->pitch = smalti__align((size_t)to->width + ALIGN, ALIGN);
    size_t unit_bytes = self->unit.height[i] * smalti__align((size_t)self->image.width[i] + ALIGN, ALIGN);
    if (self->setup->orientation != 1)
        SMALTI__TRY(get(self, &to->turned, unit_bytes, error));
    to->room = waiting_rows(self, i);
    SMALTI__TRY(get(self, &to->rows, to->room * to->pitch, error));
    resample.emit = take_rows;
    resample.user = to;
    return smalti__resample_open(&resample, &to->resample, error);
}

static smalti_result open_all(planar *self, smalti_error *error)
{
    const smalti__encoder *seed = self->setup->seed;
    uint64_t begin = smalti__now_ns();
    SMALTI__TRY(smalti__decoder_start(self->setup->decoder, error));
    uint64_t started = smalti__now_ns();
    self->decode_ns += started - begin;
    SMALTI__TRY(seed->format->open_planes(seed, &self->image, &self->unit, &self->encoder, error));
    self->encode_ns += smalti__now_ns() - started;
    for (uint32_t i = 0; i < self->image.count; i++)
        SMALTI__TRY(open_plane(self, i, error));
    return SMALTI_OK;
}

static void close_all(planar *self)
{
    for (uint32_t i = 0; i < SMALTI__COUNT(self->planes); i++) {
        smalti__resample_close(self->planes[i].resample);
        smalti__pool_put(self->setup->pool, self->planes[i].rows);
        smalti__pool_put(self->setup->pool, self->planes[i].turned);
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            smalti__pool_put(self->setup->pool, self->slots[slot][i]);
    }
    if (self->encoder)
        self->encoder->format->close(self->encoder);
}

static smalti_result finish(planar *self, smalti_error *error)
{
    uint64_t begin = smalti__now_ns();
    SMALTI__TRY(smalti__decoder_finish(self->setup->decoder, error));
    uint64_t finished = smalti__now_ns();
    self->decode_ns += finished - begin;
    SMALTI__TRY(self->encoder->format->finish(self->encoder, error));
    self->encode_ns += smalti__now_ns() - finished;
    return SMALTI_OK;
}

smalti_result smalti__planar_run(const smalti__planar_setup *setup, const smalti__planar_plan *plan, uint64_t *scale_ns,
                                 smalti_error *error)
{
    planar self = {.setup = setup, .plan = plan};
    uint64_t begin = smalti__now_ns(), lane_decode_ns = 0;
    smalti_result result = open_all(&self, error);
    if (result == SMALTI_OK) {
        lane_decode_ns = self.decode_ns;
        bool ahead = plan->ahead && smalti__handoff_open(&self.ahead, SLOTS, decode_ahead, &self);
        result = pump(&self, ahead, error);
        if (ahead)
            setup->stats->cpu_ns += smalti__handoff_close(&self.ahead);
        lane_decode_ns = ahead ? lane_decode_ns : self.decode_ns;
    }
    if (result == SMALTI_OK)
        result = finish(&self, error);
    close_all(&self);
    setup->stats->decode_ns += self.decode_ns;
    setup->stats->encode_ns += self.encode_ns;
    uint64_t other = lane_decode_ns + self.encode_ns, all = smalti__now_ns() - begin;
    *scale_ns = all > other ? all - other : 0;
    return result;
}
