"""The engine: shapes whose picture can be drawn by hand."""

import numpy as np
import pytest
from PIL import Image

from src.sample.engine import Light, View, homography, render
from src.sample.mesh import Mesh, flatten

RED, GREEN = (200, 0, 0), (0, 200, 0)
DARKNESS = Light((0.0, -1.0, 1.0), shadow=0.0, softness=1)


def straight_on(radius: float = 20.0) -> View:
    """A camera level with the mesh, without perspective, in the middle of a 64 px canvas."""
    return View(yaw=0, pitch=0, roll=0, radius=radius, centre=(32, 32), perspective=0)


def silhouette(mesh: Mesh, view: View) -> np.ndarray:
    canvas = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    render(canvas, mesh, view, DARKNESS)
    return np.asarray(canvas)[..., 3] > 0


def test_a_cube_seen_straight_on_is_a_square():
    mesh = Mesh()
    mesh.box((5, 5, 5), (3, 3, 3), RED)  # place and size do not matter: half the diagonal is the radius
    half = 20 / np.sqrt(3)
    expected = np.zeros((64, 64), bool)
    low, high = round(32 - half), round(32 + half)
    expected[low : high + 1, low : high + 1] = True
    assert (silhouette(mesh, straight_on()) ^ expected).sum() <= 4 * 2 * half  # outlines may be a pixel off


def test_a_turned_mesh_has_the_outline_of_its_profile():
    mesh = Mesh()
    mesh.revolve([(1, 0), (1, 1), (0.5, 1), (0.5, 2)], RED, segments=40)
    rows = silhouette(mesh, straight_on()).sum(axis=1)
    wide, narrow = rows[rows > 0].max(), rows[rows > 0].min()
    assert wide / narrow == pytest.approx(2, abs=0.15)


def test_what_is_nearer_hides_what_is_further():
    mesh = Mesh()
    mesh.box((0, 0, 0), (1, 1, 1), RED)
    mesh.box((0, -2, 0), (1, 1, 1), GREEN)  # nearer: y points away from the camera
    canvas = Image.new("RGB", (64, 64))
    render(canvas, mesh, straight_on(), DARKNESS)
    red, green, _ = canvas.getpixel((32, 32))
    assert green > red


def test_a_lifted_face_is_drawn_over_a_nearer_one():
    mesh = Mesh()
    square = np.array([(-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1)], float)
    mesh.add(square, RED)
    mesh.add(square + np.array([0, 0.1, 0]), GREEN, lift=1.0)
    canvas = Image.new("RGB", (64, 64))
    render(canvas, mesh, straight_on(), DARKNESS)
    red, green, _ = canvas.getpixel((32, 32))
    assert green > red


def test_the_back_of_a_one_sided_face_is_not_drawn():
    mesh = Mesh()
    mesh.add([(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1)], RED)
    assert not silhouette(mesh, straight_on()).any()
    mesh.add([(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1)], RED, two_sided=True)
    assert silhouette(mesh, straight_on()).any()


def test_a_texture_is_upright_and_spread_over_the_faces_from_left_to_right():
    texture = Image.new("RGB", (40, 40), RED)
    texture.paste(GREEN, (20, 0, 40, 40))
    texture.paste((0, 0, 255), (0, 20, 40, 40))
    left = [(-1, 0, 1), (0, 0, 1), (0, 0, -1), (-1, 0, -1)]
    right = [(0, 0, 1), (1, 0, 1), (1, 0, -1), (0, 0, -1)]
    mesh = Mesh()
    mesh.add([left, right], RED, shine=0, texture=texture)
    canvas = Image.new("RGB", (64, 64))
    render(canvas, mesh, straight_on(), DARKNESS)
    strongest = [int(np.argmax(canvas.getpixel(place))) for place in [(25, 25), (39, 25), (25, 39), (39, 39)]]
    assert strongest == [0, 1, 2, 2]


def test_a_face_towards_the_light_is_brighter_than_one_away_from_it():
    mesh = Mesh()
    mesh.box((0, 0, 0), (2, 2, 2), (150, 150, 150), shine=0)
    view = View(yaw=np.pi / 4, pitch=0, roll=0, radius=25, centre=(32, 32), perspective=0)
    canvas = Image.new("RGB", (64, 64))
    render(canvas, mesh, view, Light((-1.0, -1.0, 0.0), shadow=0, softness=1))
    assert canvas.getpixel((22, 32))[0] > canvas.getpixel((42, 32))[0] + 20


def test_a_shadow_falls_away_from_the_light():
    mesh = Mesh()
    mesh.box((0, 0, 0), (1, 1, 2), RED)
    canvas = Image.new("RGB", (64, 64), "white")
    view = View(yaw=0, pitch=0.5, roll=0, radius=15, centre=(32, 32), perspective=0)
    render(canvas, mesh, view, Light((-1.0, -0.2, 0.8), shadow=0.6, softness=1))
    ground = np.asarray(canvas, int)[36:50].sum(axis=(0, 2))
    assert ground[40:].sum() < ground[:24].sum() - 1000


def test_flattening_centres_and_scales_into_the_unit_ball():
    mesh = Mesh()
    mesh.box((10, -3, 7), (1, 4, 9), RED)
    corners = flatten(mesh).corners
    assert np.linalg.norm(corners, axis=1) == pytest.approx(np.ones(24))


def test_a_homography_maps_corners_onto_corners():
    target = np.array([(3.0, 1.0), (20.0, 4.0), (18.0, 30.0), (1.0, 25.0)])
    source = np.array([(0.0, 0.0), (64.0, 0.0), (64.0, 32.0), (0.0, 32.0)])
    a, b, c, d, e, f, g, h = homography(target, source)
    for (x, y), (u, v) in zip(target, source, strict=True):
        scale = g * x + h * y + 1
        assert ((a * x + b * y + c) / scale, (d * x + e * y + f) / scale) == pytest.approx((u, v), abs=1e-9)
