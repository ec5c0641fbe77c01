// Two passes. The first draws points as round, bulging discs into three images: color, number of the point (what
// the pointer is on), depth. The second shades by depth, after the idea of eye-dome lighting (Boucheny, 2009).

const POINT_VERTEX = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;

layout(location = 0) in vec3 position;   // in steps
layout(location = 1) in uvec2 labels;    // truth, prediction; K for no class
layout(location = 2) in vec4 color;      // RGB of the scan, confidence
layout(location = 3) in vec4 folded;     // normal on an octahedron, and the mean one of the surroundings

uniform mat4 view;
uniform mat4 projection;
uniform vec3 eye;
uniform vec3 light;
uniform float stepLength;
uniform float height;      // of the viewport, pixels
uniform float tangent;
uniform float radius;      // of a point, meters
uniform float smallest;    // diameter of a point, pixels
uniform float cut;         // points above are left out, meters
uniform bool facing;       // leave out surfaces that turn their back
uniform bool lit;          // there are normals
uniform int layer;         // 0 color, 1 truth, 2 prediction, 3 error, 4 confidence
uniform int filtered;      // by which label classes are hidden: 0 truth, 1 prediction, -1 none
uniform int spotlight;     // class to be brought out, -1 for none
uniform int classes;       // K
uniform bool pale;         // hidden classes stay, as pale points
uniform bool onlyErrors;
uniform vec3 ground;       // color of the background
uniform vec3 verdicts[3];  // right, wrong, not scored
uniform vec3 ramp[5];
uniform sampler2D palette; // K + 1 colors; alpha: shown or hidden

flat out vec3 shown;
flat out uint number;
flat out float depth;
flat out float bulge;

vec4 colorOf(uint label) {
  return texelFetch(palette, ivec2(int(label) & 255, int(label) >> 8), 0);
}

vec3 unfold(vec2 stored) {
  vec2 p = stored * 2.0 - 1.0;
  vec3 n = vec3(p, 1.0 - abs(p.x) - abs(p.y));
  if (n.z < 0.0) n.xy = (1.0 - abs(n.yx)) * vec2(n.x < 0.0 ? -1.0 : 1.0, n.y < 0.0 ? -1.0 : 1.0);
  return normalize(n);
}

vec3 colorOfLayer() {
  if (layer == 1) return colorOf(labels.x).rgb;
  if (layer == 2) return colorOf(labels.y).rgb;
  if (layer == 3) return verdicts[int(labels.x) == classes ? 2 : (labels.x == labels.y ? 0 : 1)];
  if (layer == 4) {
    float place = color.a * 4.0;
    int stop = min(int(place), 3);
    return mix(ramp[stop], ramp[stop + 1], place - float(stop));
  }
  return color.rgb;
}

void main() {
  vec3 world = position * stepLength;
  vec3 normal = unfold(folded.xy), towards = normalize(eye - world);
  bool wrong = int(labels.x) != classes && labels.x != labels.y;
  uint label = filtered == 0 ? labels.x : labels.y;
  bool hidden = (filtered >= 0 && colorOf(label).a < 0.5) || (onlyErrors && !wrong);
  // The mean normal decides for a wall as a whole; a point's own is noisy, and counts where it says so clearly.
  bool away = facing && lit && (dot(unfold(folded.zw), towards) < 0.1 || dot(normal, towards) < -0.25);
  if (world.z > cut || away || (hidden && !pale)) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0); // outside: no fragment
    gl_PointSize = 1.0;
    return;
  }
  vec4 local = view * vec4(world, 1.0);
  depth = -local.z;
  gl_Position = projection * local;
  float pixels = max(height * radius / (tangent * max(depth, 1e-6)), smallest);
  gl_PointSize = pixels;
  bulge = pixels / height * tangent * depth;

  shown = colorOfLayer();
  if (lit) shown *= mix(1.0, 0.84 + 0.24 * dot(normal, light), layer == 0 ? 0.55 : 1.0);
  number = uint(gl_VertexID) + 1u;
  if (hidden) {
    shown = mix(ground, vec3(0.5), 0.22);
    number = 0u;
  } else if (spotlight >= 0 && int(label) != spotlight) {
    shown = mix(ground, shown, 0.16);
  }
}`;

const POINT_FRAGMENT = `#version 300 es
precision highp float;
precision highp int;

uniform float near;
uniform float far;

flat in vec3 shown;
flat in uint number;
flat in float depth;
flat in float bulge;

layout(location = 0) out vec4 color;
layout(location = 1) out uint point;

void main() {
  vec2 place = gl_PointCoord * 2.0 - 1.0;
  float square = dot(place, place);
  if (square > 1.0) discard;
  // Deeper towards the rim: of two points on one surface, the closer one to a pixel wins.
  gl_FragDepth = far / (far - near) * (1.0 - near / (depth + bulge * square));
  color = vec4(shown, 1.0);
  point = number;
}`;

const SHADE_VERTEX = `#version 300 es
void main() {
  // One triangle that covers the picture.
  gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}`;

const SHADE_FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2D;

uniform sampler2D colors;
uniform sampler2D depths;
uniform vec3 ground;
uniform float near;
uniform float far;
uniform float reach;     // distance of the neighbors looked at, pixels
uniform float relief;    // strength
uniform int pairs;       // of neighbors, 12 for the full picture
uniform int samples;     // drawn pixels a side for each pixel of the picture
uniform ivec4 region;    // x, y, width, height of this view, drawn pixels

out vec4 result;

float depthAt(ivec2 pixel) {
  pixel = clamp(pixel, region.xy, region.xy + region.zw - 1);
  float stored = texelFetch(depths, pixel, 0).r;
  return stored >= 1.0 ? 1e9 : near * far / (far - stored * (far - near));
}

float shadeAt(ivec2 pixel, float here) {
  float total = 0.0;
  // Pairs on a spiral, so that no rings show. The mean of opposite neighbors lies in a slanting plane: only hollows
  // and what lies behind an edge get darker.
  for (int k = 0; k < pairs; k++) {
    float i = float(k * 12 / pairs), angle = 2.39996 * i, distance = reach * (1.0 + 0.42 * i);
    ivec2 step = ivec2(round(distance * vec2(cos(angle), sin(angle))));
    float one = min(depthAt(pixel + step), here * 2.0), other = min(depthAt(pixel - step), here * 2.0);
    float rise = (here - 0.5 * (one + other)) / here;
    total += clamp(rise * 70.0 - 0.06, 0.0, 1.0) * (1.5 - 0.09 * i);
  }
  return exp(-relief * total / float(pairs));
}

void main() {
  // The color is the mean of the drawn pixels; the shade changes slowly, that of the nearest one serves them all.
  vec3 total = vec3(0.0);
  ivec2 corner = ivec2(gl_FragCoord.xy) * samples, front = corner;
  float least = 1e9, seen = 0.0;
  for (int y = 0; y < samples; y++) {
    for (int x = 0; x < samples; x++) {
      ivec2 pixel = corner + ivec2(x, y);
      float here = depthAt(pixel);
      if (here > 1e8) continue;
      total += texelFetch(colors, pixel, 0).rgb;
      seen += 1.0;
      if (here < least) { least = here; front = pixel; }
    }
  }
  float all = float(samples * samples);
  vec3 lit = seen > 0.0 ? total / all * shadeAt(front, least) : vec3(0.0);
  result = vec4(lit + ground * (1.0 - seen / all), 1.0);
}`;
