"""The sandbox kit and the plain CRM, over real HTTP."""
