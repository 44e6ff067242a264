"""The two themes of the lab: quiet surfaces, so that what is wrong is the brightest thing on screen."""

from __future__ import annotations

from textual.theme import Theme

NIGHT = Theme(
    name="lab-night",
    primary="#7aa2c8",
    secondary="#8f9fb8",
    accent="#6cb6b0",
    foreground="#c9d1dc",
    background="#12161c",
    surface="#181d25",
    panel="#202733",
    success="#7fb98a",
    warning="#e0b062",
    error="#f0786c",
    dark=True,
    variables={
        "muted": "#8490a0",
        "button-focus-text-style": "bold",
        "border": "#35404f",
        "border-blurred": "#2a3340",
        "footer-background": "#181d25",
        "footer-key-foreground": "#6cb6b0",
        "footer-description-foreground": "#8f9fb8",
        "input-selection-background": "#7aa2c8 35%",
        "block-cursor-background": "#2f4156",
        "block-cursor-foreground": "#e6ecf3",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#232d3a",
        "scrollbar": "#2f3947",
        "scrollbar-hover": "#3d4a5c",
        "scrollbar-active": "#4c5d73",
        "scrollbar-background": "#181d25",
        "scrollbar-corner-color": "#181d25",
        "scrollbar-background-hover": "#181d25",
        "scrollbar-background-active": "#181d25",
    },
)

DAY = Theme(
    name="lab-day",
    primary="#2f6690",
    secondary="#5b6b7f",
    accent="#1f7a74",
    foreground="#27313d",
    background="#f4f5f3",
    surface="#fbfbf9",
    panel="#e8eae7",
    success="#2e7d46",
    warning="#9a6700",
    error="#b83227",
    dark=False,
    variables={
        "muted": "#67727e",
        "button-focus-text-style": "bold",
        "border": "#b9c0c7",
        "border-blurred": "#d3d8dc",
        "footer-background": "#e8eae7",
        "footer-key-foreground": "#1f7a74",
        "footer-description-foreground": "#5b6b7f",
        "block-cursor-background": "#cfdde8",
        "block-cursor-foreground": "#16202b",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e0e7ec",
    },
)

THEMES = (NIGHT, DAY)
